"""Files found by coverage: one target in a process of its own, until its time is over.

`__main__` starts it as `python -m fuzz._guided TARGET FOLDER SECONDS SEED`, and again after a crash.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["antialias", "tomllib"]):
    import torch

    from ._mutate import spoil
    from ._seeded import seeds_of
    from ._watch import Watch
    from .targets import TARGETS

_MORE = 3 * 2**30  # of address space than before the first file: what wants more is told so at once


def main(name: str, folder: Path, seconds: float, seed: int) -> None:
    """Try files of a target; what they came to stands in `FOLDER/tally.json`, faults beside it."""
    torch.set_num_threads(1)
    target, end, written = TARGETS[name], time.monotonic() + seconds, 0.0
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for content in seeds_of(name, target):
        (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    watch = Watch(target)
    file = folder / "tally.json"
    tally = json.loads(file.read_text()) if file.exists() else {"read": 0, "refused": 0, "fault": 0, "places": {}}
    size = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (size + _MORE, size + _MORE))

    def one(content: bytes) -> None:
        nonlocal written
        outcome = watch.judge(content)
        tally[outcome.kind] += 1
        if outcome.kind == "fault" and outcome.place not in tally["places"]:
            tally["places"][outcome.place] = outcome.reason
            stem = folder / f"fault-{len(tally['places']):03}"
            stem.with_suffix(Path(target.file).suffix or ".bin").write_bytes(content)
            stem.with_suffix(".reason").write_text(f"{outcome.place}\n{outcome.reason}\n")
        if (now := time.monotonic()) > min(written + 1, end):
            written = now
            (whole := file.with_suffix(".part")).write_text(json.dumps(tally))
            whole.replace(file)
            if now > end:
                os._exit(0)

    def mutate(content: bytes, longest: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.25:
            return atheris.Mutate(content, longest)
        for _ in range(random.choice((1, 1, 2))):
            content = spoil(target.mutate, content, random)
        return content if len(content) <= longest else atheris.Mutate(content[:longest], longest)

    options = [
        f"-seed={seed + 1}",
        "-timeout=60",
        "-rss_limit_mb=6000",
        f"-max_len={2**20}",
        "-reload=0",
        "-print_final_stats=0",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={folder}/", str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
