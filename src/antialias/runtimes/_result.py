"""What came out of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antialias._display import Display, Displayed, TextTable
from antialias.metrics import Score


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far a file's answers are from the network's on images of one shape.

    Attributes:
        batch: How many images, clips or signals.
        size: Of each: height and width in pixels, behind a clip's number of frames, or a signal's length.
        relative: Largest `||file - network|| / ||network||` of all outputs; infinite where it does not run.
        error: Why it does not run.
    """

    batch: int
    size: tuple[int, ...]
    relative: float
    error: str = ""

    def __str__(self) -> str:
        shape = " x ".join(map(str, (self.batch, *self.size)))
        return f"{shape}: {self.error or f'{self.relative:.1e}'}"

    @property
    def shape(self) -> str:
        """Number and size, such as `2 of 224 x 224`."""
        return f"{self.batch} of {' x '.join(map(str, self.size))}"


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """What eight bits took, on images that did not calibrate.

    Attributes:
        images: How many images calibrated.
        float_bytes: Size of the file before.
        differences: From the network, on the shapes of the float file.
        agreement: How often the answer is the float network's; `None` where that gives no class scores.
        consistency_before: Of the float network.
        consistency: Of the file.
    """

    images: int
    float_bytes: int
    differences: tuple[Difference, ...]
    agreement: Score | None = None
    consistency_before: Score | None = None
    consistency: Score | None = None


@dataclass(frozen=True, kw_only=True)
class Exported(Displayed):
    """A file for another runtime.

    Attributes:
        path: The file.
        format: What it is: `"onnx"`, `"program"`, `"aoti"` or `"openvino"`.
        runtime: What runs it.
        network: Class of the network.
        bytes: Size of the file, with what lies beside it.
        ranges: The least and the most of what may vary (`"batch"`, `"height"`, `"width"`; `"depth"` of clips
            and `"length"` of signals); `None` is no limit.
        fixed: Why the others may not, by name.
        differences: From the network, shape by shape; empty if they were not asked for.
        tolerance: The most that these may be.
        operations: How often the file has each operation.
        milliseconds: Of a pass over one image: `"eager"`, `"runtime"` and the same of the network without filters,
            `"plain eager"` and `"plain runtime"`; empty if not asked for.
        quantization: Of an eight-bit file, what that took.
    """

    path: Path
    format: str
    runtime: str
    network: str
    bytes: int
    ranges: Mapping[str, tuple[int, int | None]]
    fixed: Mapping[str, str]
    differences: tuple[Difference, ...]
    tolerance: float
    operations: Mapping[str, int]
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    quantization: Quantization | None = None

    @property
    def difference(self) -> float | None:
        """The largest relative difference from the network; `None` if none was measured."""
        return max((each.relative for each in self.differences), default=None)

    def display(self) -> Display:
        """Say what the file is, how far it is from the network, what may vary, and how long it takes."""
        size = f"{self.path.name} ({self.bytes / 1e6:.1f} MB, {self.runtime})"
        said = f"{size} was not compared with {self.network}."
        if self.difference is not None:
            float_file = "its float form" if self.quantization else size
            said = (
                f"{float_file} answers as {self.network} does: relative difference at most {self.difference:.1e} "
                f"on {len(self.differences)} shapes, of {self.tolerance:g} allowed."
            )
        if self.quantization is not None:
            said = f"{size} has eight bits, {self.quantization.float_bytes / self.bytes:.1f} times smaller; {said}"
        tables = [self._table()] if self.differences else []
        return Display(said, (*tables, *self._times()), tuple(self._notes()))

    def _table(self) -> TextTable:
        eight = self.quantization.differences if self.quantization else ()
        headings = ["shown", "difference", *(["int8"] if eight else [])]
        rows = []
        for n, each in enumerate(self.differences):
            row = [each.shape, f"{each.relative:.1e}"]
            rows.append([*row, *([eight[n].error or f"{eight[n].relative:.1e}"] if eight else [])])
        return TextTable(headings=headings, rows=rows, title="Relative difference from the network")

    def _times(self) -> list[TextTable]:
        if not self.milliseconds:
            return []
        first = self.milliseconds["eager"]
        rows = [[name, f"{value:.2f}", f"{value / first:.2f}"] for name, value in self.milliseconds.items()]
        note = "medians in turns, one image; plain: the network without filters"
        return [TextTable(headings=["", "ms", "of eager"], rows=rows, title="Time of a pass", note=note)]

    def _notes(self) -> list[str]:
        lines = []
        if self.ranges:
            spans = [(name, low, "" if high is None else f" to {high}") for name, (low, high) in self.ranges.items()]
            lines.append(f"Varies: {', '.join(f'{name} from {low}{end}' for name, low, end in spans)}.")
        lines += [f"Fixed {name}: {reason}." for name, reason in self.fixed.items()]
        if reflected := self.operations.get("Pad(reflect)", 0):
            lines.append(f"{reflected} Pad(reflect) of the network's own, which some runtimes do not have.")
        counts = sorted(self.operations.items(), key=lambda pair: (-pair[1], pair[0]))
        lines.append(f"Operations: {', '.join(f'{count} {name}' for name, count in counts)}.")
        if self.quantization is not None:
            eight = self.quantization
            said = {"int8": eight.agreement, "float": eight.consistency_before, "int8 ": eight.consistency}
            lines += [f"{name.strip()}: {score}" for name, score in said.items() if score is not None]
        return lines
