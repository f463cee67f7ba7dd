"""How long a network trains alone and beside one busy process, by how long OpenMP's threads wait in a spin.

    python benchmarks/crowded.py [--rounds 3]      # three minutes; on an idle machine

Seconds are medians of rounds that are interleaved. GNU's OpenMP, which torch's wheels for Linux bring, reads the
variables when torch is loaded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "GOMP_SPINCOUNT=10000": {"GOMP_SPINCOUNT": "10000"},
    "GOMP_SPINCOUNT=1000": {"GOMP_SPINCOUNT": "1000"},
    "OMP_WAIT_POLICY=passive": {"OMP_WAIT_POLICY": "passive"},
    "OMP_NUM_THREADS=1": {"OMP_NUM_THREADS": "1"},
}
WORK = """
import time, torch
from antialias.models import build
network, images = build("antialias:MobileNetV2").train(), torch.rand(8, 3, 160, 160)
start = time.perf_counter()
for _ in range(4):
    network(images).sum().backward()
print(time.perf_counter() - start)
"""


def seconds(variables: dict[str, str]) -> float:
    """Run the work in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    words = [sys.executable, "-c", WORK]
    done = subprocess.run(words, env=environment | variables, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    alone: dict[str, list[float]] = {name: [] for name in SETTINGS}
    crowded: dict[str, list[float]] = {name: [] for name in SETTINGS}
    for _ in range(rounds):
        for name, variables in SETTINGS.items():
            alone[name].append(seconds(variables))
            with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
                crowded[name].append(seconds(variables))
                busy.kill()
    for name in SETTINGS:
        print(f"{name}: {statistics.median(alone[name]):.2f} s alone, {statistics.median(crowded[name]):.2f} s crowded")


if __name__ == "__main__":
    main()
