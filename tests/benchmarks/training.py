"""What a training process waits for and holds: `python tests/benchmarks/training.py`.

Starts a program as a trainer would write it (TensorFlow, mosaics at 640 x 640, batches of 16 with YOLOv4's
targets), and prints the seconds from its start to the first batch, TensorFlow's import among them, and the
peak of its memory over the batches: of the process alone, and with its worker processes, shared pages counted
once (the sum of the proportional set sizes that Linux tells).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import resident
from stream import RECIPE, make_source

from datapipe.ingest import IngestOptions, ingest

PROGRAM = """
import sys, time
import datapipe
recipe = datapipe.Recipe.load(sys.argv[2])
stream = datapipe.train_stream(datapipe.open(sys.argv[1]), recipe, batch_size=16, seed=1)
for number, (images, targets) in enumerate(stream.take(int(sys.argv[3]))):
    if number == 0:
        print("first", flush=True)
"""


def proportional(root: int) -> float:
    """MB of a process and all below it, a page that n of them share counted as an n-th in each."""
    total = 0.0
    for pid in resident(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has just ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def main() -> None:
    """Make the pictures, start the program, watch it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=512, help="pictures to make")
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--keep", type=Path, help="folder for the pictures, used again if it is there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datapipe-training-") as made:
        folder = asked.keep or Path(made)
        if not (folder / "out").exists():
            make_source(folder / "source", asked.images)
            ingest([folder / "source"], folder / "out", IngestOptions(check="header"))
        recipe = Path(made, "recipe.yaml")
        recipe.write_text(RECIPE + "targets: YoloV4\n")
        program = [sys.executable, "-c", PROGRAM, str(folder / "out"), str(recipe), str(asked.batches)]
        begun = time.perf_counter()
        alone = together = 0.0
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            running.stdout.readline()
            print(f"first batch after {time.perf_counter() - begun:.1f} s", flush=True)
            while running.poll() is None:
                alone = max(alone, resident(running.pid).get(running.pid, 0.0))
                together = max(together, proportional(running.pid))
                time.sleep(0.5)  # to look is not free
        took = time.perf_counter() - begun
        if running.returncode:
            raise SystemExit(f"exit code {running.returncode}")
        print(f"{asked.batches} batches of 16 in {took:.1f} s, start and end included")
        print(f"peak memory: {alone:.0f} MB of the process, {together:.0f} MB with its workers")


if __name__ == "__main__":
    main()
