"""Files spoilt by a seeded mutator alone: what runs where there is no coverage-guided fuzzer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from ._mutate import bytes_of, spoil
from ._target import Target
from ._watch import Outcome, Watch

CORPUS = Path(__file__).parent / "corpus"


@dataclass
class Tally:
    """How the files of a target ended, and one file of each fault.

    Attributes:
        counts: How many were `"read"`, `"refused"` and a `"fault"`.
        faults: What happened and the first such file, by place.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def add(self, outcome: Outcome, content: bytes) -> None:
        """Count a file."""
        self.counts[outcome.kind] += 1
        if outcome.kind == "fault":
            self.faults.setdefault(outcome.place, (outcome.reason, content))


def seeds_of(name: str, target: Target) -> list[bytes]:
    """Return the contents to begin with: good files, then what is committed."""
    return [*target.seeds(), *(path.read_bytes() for path in sorted((CORPUS / name).glob("*")))]


def spoilt(name: str, target: Target, seed: int) -> Iterator[bytes]:
    """Yield the corpus as it is, then spoilt files without end, each of a good one or of one that came of it."""
    random, pool = Random(f"{name} {seed}"), seeds_of(name, target)
    yield from pool[len(target.seeds()) :]
    while True:
        content = random.choice(pool)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            content = spoil(bytes_of if random.random() < 0.2 else target.mutate, content, random)
        yield content


def try_each(name: str, target: Target, count: int, seed: int) -> Tally:
    """Read what is committed and spoilt files, `count` in all at least."""
    watch, tally = Watch(target), Tally()
    committed = len(seeds_of(name, target)) - len(target.seeds())
    for _, content in zip(range(max(count, committed)), spoilt(name, target, seed), strict=False):
        tally.add(watch.judge(content), content)
    return tally
