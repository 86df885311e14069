"""How long does an audit let one wait? Opening, reopening, and pulling decisions, on a dataset of any size.

    python tests/benchmarks/audit.py                       # 5 000 pictures of 640 x 480, seven objects each
    python tests/benchmarks/audit.py --images 10000 --limit 10000
    python tests/benchmarks/audit.py --data build/coco     # of your own

Prints seconds from the command's start, imports included. Needs `datapipe[audit-offline]`.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ingest import make_source

DATAPIPE = (sys.executable, "-m", "datapipe")
DECIDE = """
import sys
from datapipe.audit.connection import connected
from datapipe.audit.home import home_of
from datapipe.dataset import Dataset
with connected(home_of(Dataset(sys.argv[1]).manifest, sys.argv[2]), guest=True) as fo:
    held = fo.load_dataset(fo.list_datasets()[0])
    held.limit(200).tag_samples("leave_out")
    held.skip(200).limit(200).tag_labels("ignore", label_fields="ground_truth")
"""


def opened(data: Path, cache: Path, limit: int) -> tuple[float, float, dict[str, Any]]:
    """Seconds to the first pictures and to all, and what the command says."""
    command = [*DATAPIPE, "audit", "open", str(data), "--json", "--no-browser", "--limit", str(limit)]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "--cache", str(cache)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as app:
        assert app.stdout and app.stderr
        text = ""
        while not text.rstrip().endswith("}"):
            line = app.stdout.readline()
            if not line:
                sys.exit(app.stderr.read())
            text += line
        first = time.perf_counter() - start
        next(line for line in app.stderr if "all pictures are in" in line)
        every = time.perf_counter() - start
        app.send_signal(signal.SIGTERM)
        app.communicate()
    return first, every, json.loads(text)


def main() -> None:
    """Measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--limit", type=int, default=5000)
    parser.add_argument("--data", type=Path, help="a dataset, instead of a made one")
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, data = Path(temporary), wish.data
        if data is None:
            data = folder / "data"
            make_source(folder / "source", wish.images)
            ingest = [*DATAPIPE, "ingest", str(folder / "source"), "--out", str(data)]
            subprocess.run(ingest, check=True, capture_output=True)
        cache = folder / "cache"
        first, every, told = opened(data, cache, wish.limit)
        print(f"open    {min(500, told['shown']):,} pictures on screen {first:.1f} s", flush=True)
        print(f"        all {told['shown']:,} of {told['images']:,} {every:.1f} s", flush=True)
        again, *_ = opened(data, cache, wish.limit)
        print(f"reopen  all {told['shown']:,} on screen {again:.1f} s", flush=True)
        subprocess.run([sys.executable, "-c", DECIDE, str(data), str(cache)], check=True)
        start = time.perf_counter()
        pull = [*DATAPIPE, "audit", "pull", str(data), "--cache", str(cache), "--dry-run", "--json"]
        pulled = json.loads(subprocess.run(pull, check=True, capture_output=True, text=True).stdout)
        print(
            f"pull    {len(pulled['new']):,} decisions of {pulled['images']:,} pictures "
            f"{time.perf_counter() - start:.1f} s, {pulled['seconds']:.2f} s of it reading and merging"
        )


if __name__ == "__main__":
    main()
