"""All figures of the README on this machine: `make bench`; with `ARGS=--quick` a look in two minutes."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FULL = (
    ("read_coco.py",),
    ("memory.py", "--scale", "4"),
    ("ingest.py", "--images", "10000"),
    ("ingest.py", "--images", "2000", "--growth"),
    ("stats.py",),
    ("tables.py",),
    ("anchor_quality.py",),
    ("render.py",),
    ("stream.py",),
    ("training.py",),
    ("large.py",),
    ("targets.py",),
)
QUICK = (("read_coco.py", "--scale", "0.05"), ("ingest.py", "--images", "1000", "--rounds", "2"))


def main() -> None:
    """Run every benchmark in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small inputs: ratios are rougher")
    for script, *options in QUICK if parser.parse_args().quick else FULL:
        print(f"\n{script} {' '.join(options)}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *options], check=True)


if __name__ == "__main__":
    main()
