"""Composed images: drawn objects of fine detail on photographs, with class, semantic mask and instance masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data.detection import Annotation
from antialias.data.images import masks_to_boxes

from ._atlas import SPLITS, Piece, cut_pieces
from ._draws import Draws
from ._shapes import KINDS

Targets = Literal["label", "semantic", "all"]
TARGETS: tuple[Targets, ...] = ("label", "semantic", "all")
CLASSES: tuple[str, ...] = tuple(KINDS)

# Back to front: a small object, the main one, a small one. The strip that hides a part of them lies above all.
_LAYERS, _MAIN = 3, 1
_SUPERSAMPLE = 2
_CHUNK = 32


class Scene(NamedTuple):
    """One composed image with every kind of target.

    Attributes:
        image: `(3, H, W)` floats in [0, 1], whole multiples of 1/255.
        label: class index of the main object, the largest one.
        semantic: `(H, W)` `int64`, 0 where no object is seen, else class index + 1.
        masks: `(M, H, W)` `bool`, the visible pixels of each object; they do not overlap.
        boxes: `(M, 4)` `float32` `x1, y1, x2, y2` around the masks, in pixels, right and bottom exclusive.
        labels: `(M,)` `int64`, class index of each object.
    """

    image: Tensor
    label: int
    semantic: Tensor
    masks: Tensor
    boxes: Tensor
    labels: Tensor


class Scenes(Dataset[tuple[Tensor, int] | tuple[Tensor, Tensor] | Scene]):
    """Draw seeded, endless images of twenty kinds of objects on photographs.

    Stripes, meshes, gears and the like carry detail close to the pixel grid, which is where strided networks alias; a
    network that aliases changes its mind when such an image moves by a pixel. Item `i` of a seed is the same image
    in any worker, batch and order, and the same scene at any resolution. `"train"` and `"test"` share no photograph.

    Args:
        split: `"train"` or `"test"`.
        size: Height and width in pixels.
        seed: Other seeds give other images.
        length: What `len()` says; `scene(i)` goes on without end.
        targets: `"label"` yields `(image, label)`, `"semantic"` `(image, mask)`, `"all"` a `Scene`.

    Raises:
        ValueError: An argument is not among the choices or below 1.

    Example:
        >>> scenes = Scenes("test", size=64, length=100)
        >>> image, label = scenes[0]
        >>> tuple(image.shape), scenes.classes[label], len(scenes)
        ((3, 64, 64), 'zigzag', 100)
    """

    classes: tuple[str, ...] = CLASSES

    def __init__(
        self, split: str = "train", *, size: int = 80, seed: int = 0, length: int = 8000, targets: Targets = "label"
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is unknown. Use one of: {', '.join(SPLITS)}.")
        if targets not in TARGETS:
            raise ValueError(f"targets={targets!r} is unknown. Use one of: {', '.join(TARGETS)}.")
        if size < 8 or length < 1:
            raise ValueError(
                f"size={size}, length={length}: a picture needs 8 pixels, a set 1 picture. Use larger values."
            )
        self.split, self.size, self.seed, self.length, self.targets = split, size, seed, length, targets

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, int] | tuple[Tensor, Tensor] | Scene:
        if not 0 <= index < self.length:
            raise IndexError(
                f"index={index} is outside of 0..{self.length - 1}. Use scene(index) to go on without end."
            )
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int] | tuple[Tensor, Tensor] | Scene]:
        """Return several items, drawn together; a `DataLoader` calls this for a batch."""
        return [self._pick(scene) for scene in _scenes(self._render(torch.tensor(indices)))]

    def scene(self, index: int) -> Scene:
        """Return item `index` (0 and up, without end) with every kind of target."""
        return _scenes(self._render(torch.tensor([index])))[0]

    def labelled(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return many items at once as `uint8` images `(N, 3, H, W)` and labels `(N,)`."""
        drawn = [self._render(chunk) for chunk in indices.split(_CHUNK)]
        return torch.cat([d.images for d in drawn]), torch.cat([d.kinds[:, _MAIN] for d in drawn])

    def annotated(self, index: int) -> Annotation:
        """Return item `index` (0 and up, without end) as an instance segmentation data set does."""
        return self.annotations([index])[0]

    def annotations(self, indices: Sequence[int]) -> list[Annotation]:
        """Return several items as an instance segmentation data set does, drawn together."""
        drawn = self._render(torch.tensor(indices))
        return [
            Annotation(
                image, scene.boxes, scene.labels, scene.masks, torch.zeros(len(scene.labels), dtype=torch.bool), index
            )
            for image, scene, index in zip(drawn.images, _scenes(drawn), indices, strict=True)
        ]

    def segmentations(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Return several items as a semantic segmentation data set does, drawn together."""
        drawn = self._render(torch.tensor(indices))
        return list(zip(drawn.images, _semantic(drawn.kinds, drawn.owner).to(torch.uint8), strict=True))

    def name(self, index: int) -> str:
        """Return what a message calls item `index`."""
        return f"scene {index} of {self.split}"

    def _render(self, items: Tensor) -> _Drawn:
        return _draw(Draws.of_items(self.seed, items).fork(list(SPLITS).index(self.split)), self.split, self.size)

    def _pick(self, scene: Scene) -> tuple[Tensor, int] | tuple[Tensor, Tensor] | Scene:
        return {"label": (scene.image, scene.label), "semantic": (scene.image, scene.semantic), "all": scene}[
            self.targets
        ]


class _Drawn(NamedTuple):
    images: Tensor  # (N, 3, H, W) uint8
    kinds: Tensor  # (N, _LAYERS) int64, -1 where a layer is empty
    owner: Tensor  # (N, H, W) int64, the layer that is seen, -1 where none is


class _Objects(NamedTuple):
    """Every object of a batch, `(N, _LAYERS)` each, colours with three channels behind."""

    kind: Tensor
    centre_x: Tensor
    centre_y: Tensor
    radius: Tensor
    angle: Tensor
    squeeze: Tensor
    body: Tensor
    ink: Tensor
    texture: Tensor


def _draw_piece(draws: Draws, split: str) -> Piece:
    edge = draws.uniform(0.35, 0.85)
    photograph = draws.integer(0, len(SPLITS[split]))
    return Piece(photograph, draws.uniform(-0.5, 0.5), edge, draws.uniform(0.1, 0.9), draws.uniform(0.1, 0.9))


def _colours(draws: Draws) -> tuple[Tensor, Tensor]:
    """Draw two colours whose brightness differs by 0.35 at least."""
    light, gap = draws.uniform(0.1, 0.9), draws.uniform(0.35, 0.7)
    other = torch.where(light > 0.5, light - gap, light + gap)
    tint = torch.stack([draws.uniform(-0.3, 0.3) for _ in range(6)], -1)
    return (light[..., None] + tint[..., :3]).clamp(0, 1), (other[..., None] + tint[..., 3:]).clamp(0, 1)


def _draw_objects(draws: Draws) -> _Objects:
    draws = Draws(draws.fork(1).keys[:, None]).fork(torch.arange(_LAYERS))
    main = torch.arange(_LAYERS) == _MAIN
    there = draws.chance(0.4) | main
    kind = torch.where(there, draws.integer(0, len(KINDS)), -1)
    spread = torch.where(main, 0.28, 0.9)
    centre_x, centre_y = (0.5 + spread * draws.uniform(-0.5, 0.5) for _ in range(2))
    radius = torch.where(main, draws.uniform(0.27, 0.42), draws.uniform(0.08, 0.16))
    angle, squeeze = draws.uniform(-math.pi, math.pi), draws.uniform(0.75, 1.0)
    return _Objects(kind, centre_x, centre_y, radius, angle, squeeze, *_colours(draws), draws.uniform(0.0, 0.5))


def _coverage(objects: _Objects, draws: Draws, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return `(N, _LAYERS, H, W)` shares of each pixel that an object covers, its ink covers, and its shade darkens.

    Distances in samples become coverage, which is averaged over the 2x2 samples of each pixel. The shade, light that an
    object takes away around itself, seats it on the background.
    """
    flat = _Objects(*(field.flatten(0, 1) for field in objects))
    keys = Draws(draws.fork(2).keys[:, None]).fork(torch.arange(_LAYERS)).keys.flatten()
    body, ink, shade = (torch.zeros(len(keys), size, size) for _ in range(3))
    for number, shape in enumerate(KINDS.values()):
        here = (flat.kind == number).nonzero()[:, 0]
        if len(here):
            u, v, scale = _object_frame(_Objects(*(field[here] for field in flat)), size)
            edges = shape(u, v, Draws(keys).select(here))
            for plane, edge in zip((body, ink), edges, strict=True):
                covered = (0.5 - edge * scale).clamp_(0, 1)
                rows = covered[:, ::2] + covered[:, 1::2]  # five times as fast as avg_pool2d on a CPU
                plane[here] = (rows[:, :, ::2] + rows[:, :, 1::2]) * 0.25
            shade[here] = (1 - 4 * edges[0][:, ::_SUPERSAMPLE, ::_SUPERSAMPLE]).clamp(0, 1).square() * 0.35
    return tuple(x.unflatten(0, objects.kind.shape) for x in (body, ink, shade))  # type: ignore[return-value]


def _object_frame(objects: _Objects, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return each sample's place in the object's frame, and the samples that one unit of it spans."""
    _, x, y, radius, angle, squeeze = (field[:, None, None] for field in objects[:6])
    steps = (torch.arange(size * _SUPERSAMPLE) + 0.5) / (size * _SUPERSAMPLE)
    dx, dy = steps - x, steps[:, None] - y
    cos, sin = angle.cos() / radius, angle.sin() / radius
    return cos * dx + sin * dy, (cos * dy - sin * dx) / squeeze, radius * (size * _SUPERSAMPLE)


def _draw(draws: Draws, split: str, size: int) -> _Drawn:
    objects = _draw_objects(draws)
    body, ink, shade = _coverage(objects, draws, size)
    images = cut_pieces(split, _draw_piece(draws.fork(5), split), size)
    texture = cut_pieces(split, _draw_piece(draws.fork(6), split), size)
    for layer in range(_LAYERS):
        first, second = (colour[:, layer, :, None, None] for colour in (objects.body, objects.ink))
        strength = objects.texture[:, layer, None, None, None]
        paint = torch.lerp(first, second, ink[:, layer, None]) * (1 + strength * (texture - 0.5))
        images = torch.lerp(images * (1 - shade[:, layer, None]), paint, body[:, layer, None])
    # A strip hides a part of three in ten; a gain, a gradient and a tint light everything.
    strips, lights = Draws(draws.fork(3).keys[:, None, None]), Draws(draws.fork(4).keys[:, None, None, None])
    angle, offset, width = strips.uniform(0, 2 * math.pi), strips.uniform(0.08, 0.3), strips.uniform(0.03, 0.09)
    steps = (torch.arange(size) + 0.5) / size - 0.5
    across = (angle.cos() * steps + angle.sin() * steps[:, None] - offset).abs() - width
    strip = torch.where(strips.chance(0.3), (0.5 - across * size).clamp(0, 1), 0.0)[:, None]
    steps = torch.linspace(-0.5, 0.5, size)
    light = lights.uniform(0.75, 1.2) + lights.uniform(-0.4, 0.4) * steps + lights.uniform(-0.4, 0.4) * steps[:, None]
    tint = torch.cat([lights.uniform(0.9, 1.1) for _ in range(3)], dim=1)
    images = torch.lerp(images, texture.flip(-1), strip) * (light * tint)
    return _Drawn((images.clamp(0, 1) * 255).round().to(torch.uint8), objects.kind, _owner(body, strip[:, 0]))


def _owner(body: Tensor, strip: Tensor) -> Tensor:
    """Return the front-most layer that covers at least half of a pixel, -1 where none does or the strip hides it."""
    front = torch.where(body >= 0.5, torch.arange(_LAYERS)[:, None, None], -1).amax(dim=1)
    return torch.where(strip >= 0.5, -1, front)


def _scenes(drawn: _Drawn) -> list[Scene]:
    scenes = []
    for image, kinds, owner, semantic in zip(*drawn, _semantic(drawn.kinds, drawn.owner), strict=True):
        layers = torch.arange(_LAYERS)[(owner.flatten()[:, None] == torch.arange(_LAYERS)).any(dim=0)]
        masks = owner == layers[:, None, None]
        boxes = masks_to_boxes(masks)
        scenes.append(Scene(image.float() / 255, int(kinds[_MAIN]), semantic, masks, boxes, kinds[layers]))
    return scenes


def _semantic(kinds: Tensor, owner: Tensor) -> Tensor:
    """Return the classes `(N, H, W)` of layers `(N, _LAYERS)` where each is seen, 0 where none is."""
    kind = kinds.gather(1, owner.clamp(min=0).flatten(1)).view_as(owner)
    return torch.where(owner >= 0, kind + 1, 0)
