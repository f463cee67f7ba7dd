"""What a viewer sees: networks side by side on the clip, with what they answer drawn and where it changes marked."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from antialias._extras import require

from ._clip import Clip, read_at
from ._maps import value_changes
from ._tracks import link

RED, INK, PAPER, PALE = (214, 40, 40), (20, 20, 20), (255, 255, 255), (225, 225, 225)
_LEAST_HEIGHT, _GAP, _LINE, _STRIP, _BORDER = 320, 12, 22, 26, 6
_SHEET_FRAMES, _SHEET_COLUMNS = 8, 2


def changes_of(kind: str, answers: Any, clip: Clip) -> Tensor:
    """Return how much of each frame's answer is another one than in the frame before `(F,)`, 0 for the first.

    Of classes 0 or 1; of label maps the share of pixels, followed along the motion; of objects the number that come or
    go; of values the mean change in spreads.

    Args:
        kind: Of the answers.
        answers: To each frame.
        clip: Whose motion is followed.
    """
    if kind == "ClassScores":
        best = answers.argmax(1)
        changed = (best[1:] != best[:-1]).double()
    elif kind == "LabelMaps":
        changed = torch.stack([changed_pixels(answers, clip, frame).double().mean() for frame in range(1, len(clip))])
    elif kind == "Instances":
        changed = torch.zeros(len(clip) - 1, dtype=torch.float64)
        for track in link(answers, clip, 0):
            first, last = track.frames[0], track.frames[-1]
            if first > 0:
                changed[first - 1] += 1
            if last < len(clip) - 1:
                changed[last] += 1
    else:
        changed = value_changes(answers[None], clip)[:, 0]
    return torch.cat([changed.new_zeros(1), changed])


def changed_pixels(labels: Tensor, clip: Clip, frame: int) -> Tensor:
    """Return which pixels `(H, W)` of a frame have another class than what comes from the same place in the one before.

    The class of a pixel of the frame before is carried to where the motion takes the pixel's centre.

    Args:
        labels: Classes `(F, H, W)`.
        clip: Whose motion is followed.
        frame: From 1.
    """
    points = clip.follow(clip.centres(), frame - 1)
    there = clip.inside(points)
    other = there & (read_at(labels[frame], points) != labels[frame - 1])
    changed = torch.zeros(clip.size, dtype=torch.bool)
    x, y = points[other].floor().long().unbind(-1)
    changed[y, x] = True
    return changed


def colour(label: int) -> tuple[int, int, int]:
    """Return the colour of a class: neighbours in number lie far apart.

    Example:
        >>> colour(0) == colour(1)
        False
    """
    red, green, blue = colorsys.hsv_to_rgb(0.11 + 0.61803 * label % 1, 0.75, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


class Panels:
    """Draw the frames of a clip once for each network, side by side.

    Args:
        clip: The frames.
        kind: Of the answers.
        answers: Of each network, to each frame.
        classes: Names of each network's classes, where it knows them.
    """

    def __init__(
        self, clip: Clip, kind: str, answers: Mapping[str, Any], classes: Mapping[str, Sequence[str] | None]
    ) -> None:
        self.clip, self.kind, self.answers, self.classes = clip, kind, answers, classes
        self.changes = {name: changes_of(kind, each, clip) for name, each in answers.items()}
        self.most = max(1e-9, *(float(each.max()) for each in self.changes.values()))
        self.hold = max(1, round(clip.fps / 8))
        self.scale = max(1, round(_LEAST_HEIGHT / clip.size[0]))
        height, width = (self.scale * side for side in clip.size)
        self.width = max(width, 240)
        self.size = (
            (len(answers) * (self.width + _GAP) + _GAP) // 2 * 2,
            (2 * _LINE + height + _STRIP + 2 * _GAP) // 2 * 2,
        )
        self.font = require("PIL.ImageFont", extra="video").load_default(size=14)

    def draw(self, frame: int, hold: int | None = None) -> Any:
        """Return the image of a frame.

        Args:
            frame: Its number.
            hold: For how many frames a change stays marked; as long as an eye needs to see it, if none.
        """
        images, drawing = (require(f"PIL.{module}", extra="video") for module in ("Image", "ImageDraw"))
        canvas = images.new("RGB", self.size, PAPER)
        pen, time = drawing.Draw(canvas), f"{frame / self.clip.fps:.2f} s"
        for number, name in enumerate(self.answers):
            left = _GAP + number * (self.width + _GAP)
            shown = self.draw_answer(name, frame)
            pen.text((left, _GAP // 2), self.fit(name, self.font.getlength(time) + _GAP), fill=INK, font=self.font)
            pen.text((left + self.width, _GAP // 2), time, fill=INK, font=self.font, anchor="ra")
            canvas.paste(shown, (left, _GAP + _LINE))
            recent = self.changes[name][max(0, frame - (hold or self.hold) + 1) : frame + 1]
            if float(recent.max()) > 0 and self.kind in ("ClassScores", "Instances"):
                corner = (left, _GAP + _LINE, left + shown.width - 1, _GAP + _LINE + shown.height - 1)
                pen.rectangle(corner, outline=RED, width=_BORDER)
            top = _GAP + _LINE + shown.height + 2
            pen.text((left, top), self.fit(self.words(name, frame)), fill=INK, font=self.font)
            self.draw_strip(pen, name, frame, left, top + _LINE)
        return canvas

    def draw_answer(self, name: str, frame: int) -> Any:
        """Return a frame, enlarged, with a network's boxes, masks, classes of pixels or values drawn."""
        images, drawing = (require(f"PIL.{module}", extra="video") for module in ("Image", "ImageDraw"))
        pixels, answer = 255 * self.clip.pixels(frame, frame + 1)[0], self.answers[name]
        if self.kind == "LabelMaps":
            labels = answer[frame].long()
            palette = torch.tensor([colour(label) for label in range(int(labels.max()) + 1)], dtype=torch.float32)
            pixels = 0.5 * pixels + 0.5 * palette[labels].movedim(-1, 0)
            if frame:
                changed = changed_pixels(answer, self.clip, frame)
                pixels = torch.where(changed, torch.tensor(RED, dtype=torch.float32)[:, None, None], pixels)
        elif self.kind == "DenseValues":
            low, high = answer[:, 0].aminmax()
            pixels = (255 * (answer[frame, :1] - low) / (high - low).clamp(min=1e-9)).expand(3, -1, -1)
        elif self.kind == "Instances" and "masks" in answer[frame]:
            for mask, label in zip(answer[frame]["masks"], answer[frame]["labels"].tolist(), strict=True):
                tint = torch.tensor(colour(label), dtype=torch.float32)[:, None, None]
                pixels = torch.where(mask, 0.5 * pixels + 0.5 * tint, pixels)
        shown = images.fromarray(pixels.round().to(torch.uint8).movedim(0, -1).contiguous().numpy())
        shown = shown.resize([self.scale * side for side in shown.size], images.Resampling.NEAREST)
        if self.kind == "Instances":
            pen, objects = drawing.Draw(shown), answer[frame]
            for box, label, score in zip(
                *(objects[key].tolist() for key in ("boxes", "labels", "scores")), strict=True
            ):
                left, top, right, bottom = (self.scale * place for place in box)
                if right > left and bottom > top:
                    pen.rectangle((left, top, right, bottom), outline=colour(label), width=2)
                    pen.text((left + 3, top + 1), f"{self.class_name(name, label)} {score:.2f}", fill=PAPER)
        return shown

    def draw_strip(self, pen: Any, name: str, frame: int, left: int, top: int) -> None:
        """Draw the changes up to a frame as bars over time, with the place of the frame.

        Args:
            pen: Draws on the image of the frame.
            name: Of the network.
            frame: Up to which.
            left: Where the bars begin.
            top: Their upper end.
        """
        bottom, last = top + _STRIP - 4, max(1, len(self.clip) - 1)
        pen.rectangle((left, top, left + self.width - 1, bottom), fill=PALE)
        for each in self.changes[name][: frame + 1].nonzero()[:, 0].tolist():
            place = left + round(each * (self.width - 1) / last)
            share = float(self.changes[name][each]) / self.most
            pen.line((place, bottom - round(share * (bottom - top)), place, bottom), fill=RED)
        place = left + round(frame * (self.width - 1) / last)
        pen.line((place, top, place, bottom), fill=INK)

    def words(self, name: str, frame: int) -> str:
        """Return what a network answers to a frame, and how often that has changed so far."""
        answer, so_far = self.answers[name][frame], self.changes[name][: frame + 1]
        if self.kind == "ClassScores":
            probability, label = answer.max(0)
            changed = int(so_far.sum())
            said = f"{self.class_name(name, int(label))} {100 * float(probability):.0f} %"
            return f"{changed} change{'' if changed == 1 else 's'}   {said}"
        if self.kind == "LabelMaps":
            return f"{100 * float(so_far[-1]):.1f} % of pixels changed"
        if self.kind == "Instances":
            return f"{len(answer['labels'])} objects, {int(so_far.sum())} came or went"
        return f"changed by {float(so_far[-1]):.3f} spreads"

    def class_name(self, name: str, label: int) -> str:
        """Return the name of a class; its number where the network does not know it."""
        names = self.classes.get(name)
        return names[label] if names is not None and label < len(names) else f"class {label}"

    def fit(self, text: str, less: float = 0) -> str:
        """Return as much of a line as fits beside what takes some of a panel's width."""
        while len(text) > 1 and self.font.getlength(text) > self.width - less:
            text = f"{text[:-2].rstrip('…')}…"
        return text

    def film(self, file: Path) -> Path:
        """Write all frames as a video that browsers play, H.264 or, without its encoder, VP9.

        Raises:
            ImportError: PyAV is missing, or has neither encoder.
        """
        av = require("av", extra="video")
        codecs = [codec for codec in ("libx264", "libvpx-vp9") if codec in av.codecs_available]
        if not codecs:
            raise ImportError("this PyAV encodes neither H.264 nor VP9. Run: pip install --only-binary av av")
        with av.open(str(file), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream(codecs[0], rate=self.clip.rate)
            stream.width, stream.height = self.size
            stream.pix_fmt, stream.options = "yuv420p", {"crf": "20"}
            for image in map(self.draw, range(len(self.clip))):
                container.mux(stream.encode(av.VideoFrame.from_image(image)))
            container.mux(stream.encode(None))
        return file

    def sheet(self, file: Path) -> Path:
        """Write a contact sheet: frames before and behind the first network's largest changes, in their order.

        Beside each other, frames are marked only where their own answer is another one than that of the frame before.
        """
        images = require("PIL.Image", extra="video")
        order = next(iter(self.changes.values())).sort(descending=True, stable=True).indices.tolist()
        chosen: list[int] = []
        for frame in order[: _SHEET_FRAMES // 2]:
            chosen += [each for each in (frame - 1, frame) if each >= 0 and each not in chosen]
        spread = torch.linspace(0, len(self.clip) - 1, min(len(self.clip), _SHEET_FRAMES)).round().int().tolist()
        chosen += [frame for frame in spread if frame not in chosen]
        drawn = [self.draw(frame, hold=1) for frame in sorted(chosen[:_SHEET_FRAMES])]
        columns = min(_SHEET_COLUMNS, len(drawn))
        width, height = self.size
        paper = images.new("RGB", (columns * width, -(-len(drawn) // columns) * height), PAPER)
        for number, image in enumerate(drawn):
            paper.paste(image, (number % columns * width, number // columns * height))
        paper.save(file)
        return file
