"""Try hostile files: `python -m fuzz TARGET|all --seconds 600 --seed 0`, or `--each 400` without atheris."""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ._seeded import try_each
from .targets import TARGETS

HERE = Path(__file__).parent
COLUMNS = ("target", "seconds", "files", "read", "refused", "faults", "edges", "seed")


def main() -> None:
    """Parse, try, count, and end with an error where there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=["all", *TARGETS])
    parser.add_argument("--seconds", type=float, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, help="this many seeded files of each target, without coverage")
    parser.add_argument("--out", type=Path, help="where faulty files are kept")
    asked = parser.parse_args()
    out = asked.out or Path(tempfile.mkdtemp(prefix="faults-"))
    sys.dont_write_bytecode = True
    faults = 0
    for name in TARGETS if asked.target == "all" else [asked.target]:
        run = seeded(name, asked.each, asked.seed, out) if asked.each else guided(name, asked.seconds, asked.seed, out)
        faults += int(run["faults"])
        print(", ".join(f"{key} {value}" for key, value in run.items()), flush=True)
    print(f"Faulty files and what happened: {out}" if faults else "No faults.")
    sys.exit(bool(faults))


def seeded(name: str, count: int, seed: int, out: Path) -> dict[str, object]:
    """Try seeded files of a target and keep the faulty ones; nothing is recorded."""
    start, tally = time.monotonic(), try_each(name, TARGETS[name], count, seed)
    for number, (place, (reason, content)) in enumerate(tally.faults.items()):
        stem = out / name / f"fault-{number:03}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(Path(TARGETS[name].file).suffix or ".bin").write_bytes(content)
        stem.with_suffix(".reason").write_text(f"{place}\n{reason}\n")
    return row(name, time.monotonic() - start, dict(tally.counts), 0, seed)


def guided(name: str, seconds: float, seed: int, out: Path) -> dict[str, object]:
    """Let coverage find files of a target, go on after a crash, and add a row to `fuzz.csv`."""
    folder, start, crashes, edges = out / name, time.monotonic(), 0, 0
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    while (left := seconds - (time.monotonic() - start)) > 1:
        log = folder / f"log-{crashes}.txt"
        command = [sys.executable, "-m", "fuzz._guided", name, str(folder), str(left), str(seed + crashes)]
        with log.open("w") as words:
            code = subprocess.run(command, stdout=words, stderr=words, env=environment, cwd=HERE.parent).returncode
        edges = max([edges, *map(int, re.findall(r"cov: (\d+)", log.read_text(errors="replace")))])
        if code:
            crashes += 1
            print(f"{name}: ended with {code}, see {log}", flush=True)
            if not (folder / "tally.json").exists():
                break
    tally = json.loads((folder / "tally.json").read_text()) if (folder / "tally.json").exists() else {}
    run = row(name, seconds, {**tally, "fault": tally.get("fault", 0) + crashes}, edges, seed)
    table = HERE / "fuzz.csv"
    is_new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(run)
    return run


def row(name: str, seconds: float, counts: dict[str, int], edges: int, seed: int) -> dict[str, object]:
    """Return a row of `fuzz.csv`."""
    read, refused, faults = (counts.get(kind, 0) for kind in ("read", "refused", "fault"))
    values = (name, round(seconds), read + refused + faults, read, refused, faults, edges, seed)
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    main()
