"""Twenty kinds of objects of fine detail, drawn by their distance to an edge.

Each kind maps coordinates `u, v` `(n, H, W)` in the object's own frame (its radius is 1) to two signed distances in the
same unit, negative inside: `body`, what covers the background, and `ink`, what of the body has the second colour.
Distances make every edge one pixel soft at any resolution (Quilez, "2D distance functions", iquilezles.org).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._draws import Draws

Shape = Callable[[Tensor, Tensor, Draws], tuple[Tensor, Tensor]]

KINDS: dict[str, Shape] = {}


def _kind(shape: Shape) -> Shape:
    KINDS[shape.__name__] = shape
    return shape


# -- distances ---------------------------------------------------------------------------------------------------------


def _box(u: Tensor, v: Tensor, half_width: float | Tensor, half_height: float | Tensor) -> Tensor:
    return torch.maximum(u.abs() - half_width, v.abs() - half_height)


def _bars(t: Tensor, period: Tensor | float, duty: float = 0.5) -> Tensor:
    """Return the distance to bars that repeat along `t` and fill `duty` of each period."""
    return (t - (t / period).round() * period).abs() - period * (duty / 2)


def _sector(u: Tensor, v: Tensor, count: Tensor | int) -> tuple[Tensor, Tensor]:
    """Fold the plane into the first of `count` equal sectors: return the position along its axis and away from it."""
    wedge = 2 * math.pi / count
    angle, radius = torch.atan2(v, u), torch.hypot(u, v)
    angle = angle - (angle / wedge).round() * wedge
    return radius * angle.cos(), radius * angle.sin()


def _plate(u: Tensor, v: Tensor, draws: Draws) -> Tensor:
    """Return the outline that carries a pattern: a disc, a square or a hexagon, so that the outline tells nothing."""
    disc = torch.hypot(u, v) - 0.95
    square = _box(u, v, 0.82, 0.82)
    hexagon = torch.maximum(u.abs() * 0.866 + v.abs() * 0.5, v.abs()) - 0.86
    outline = draws.integer(0, 3)
    return torch.where(outline == 0, disc, torch.where(outline == 1, square, hexagon))


def _whole(body: Tensor) -> tuple[Tensor, Tensor]:
    """Return a body of one colour."""
    return body, torch.ones_like(body)


# -- patterns on a plate -----------------------------------------------------------------------------------------------


@_kind
def stripes(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Straight bars."""
    return _plate(u, v, draws), _bars(u, draws.uniform(0.24, 0.42))


@_kind
def checker(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A chessboard."""
    cell = draws.uniform(0.18, 0.3)
    return _plate(u, v, draws), (u * math.pi / cell).sin() * (v * math.pi / cell).sin() * (cell / math.pi)


@_kind
def rings(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Concentric circles."""
    return _plate(u, v, draws), _bars(torch.hypot(u, v), draws.uniform(0.26, 0.42))


@_kind
def frames(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Nested squares."""
    return _plate(u, v, draws), _bars(torch.maximum(u.abs(), v.abs()), draws.uniform(0.26, 0.42))


@_kind
def fan(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Wedges around the centre."""
    count = draws.integer(7, 12)
    return _plate(u, v, draws), (count * torch.atan2(v, u)).sin() * torch.hypot(u, v) / count


@_kind
def dots(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A square lattice of discs."""
    period = draws.uniform(0.3, 0.45)
    du, dv = u - (u / period).round() * period, v - (v / period).round() * period
    return _plate(u, v, draws), torch.hypot(du, dv) - 0.3 * period


@_kind
def spiral(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """An Archimedean spiral."""
    pitch = draws.uniform(0.28, 0.42)
    return _plate(u, v, draws), _bars(torch.hypot(u, v) - torch.atan2(v, u) * (pitch / (2 * math.pi)), pitch)


@_kind
def waves(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Sine-shaped bars."""
    period = draws.uniform(0.26, 0.4)
    bend = draws.uniform(0.09, 0.14) * (u * draws.uniform(7.0, 10.0)).sin()
    return _plate(u, v, draws), _bars(v + bend, period) * 0.75


@_kind
def zigzag(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Bars bent to and fro at right angles."""
    width = draws.uniform(0.55, 0.8)
    teeth = (u - (u / width).round() * width).abs()
    return _plate(u, v, draws), _bars(v + teeth, draws.uniform(0.3, 0.45)) * 0.7


@_kind
def bricks(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A wall: rows shifted by half a brick, thin joints."""
    height = draws.uniform(0.26, 0.36)
    row = (v / height).floor()
    joints = _bars(u + row.remainder(2) * height, 2 * height, 0.12)
    return _plate(u, v, draws), torch.minimum(_bars(v, height, 0.24), joints)


# -- open structures: the background shows between their parts -----------------------------------------------------


@_kind
def mesh(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A wire grid."""
    period = draws.uniform(0.27, 0.4)
    wires = torch.minimum(_bars(u, period, 0.28), _bars(v, period, 0.28))
    return _whole(torch.maximum(_plate(u, v, draws), wires))


@_kind
def wheel(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A rim, a hub and spokes."""
    radius = torch.hypot(u, v)
    along, away = _sector(u, v, draws.integer(6, 10))
    spokes = torch.maximum(away.abs() - 0.04, (along - 0.5).abs() - 0.45)
    rim = (radius - 0.88).abs() - 0.08
    return _whole(torch.minimum(torch.minimum(rim, radius - 0.17), spokes))


@_kind
def gear(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A toothed disc with a hole."""
    radius, count = torch.hypot(u, v), draws.integer(9, 14)
    teeth = (count * torch.atan2(v, u)).sin() * radius / count
    body = torch.minimum(radius - 0.76, torch.maximum(radius - 0.97, teeth))
    return _whole(torch.maximum(body, draws.uniform(0.25, 0.45) - radius))


@_kind
def star(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A star of five to seven points with a rim of the second colour."""
    count = draws.integer(5, 8)
    along, away = _sector(u, v, count)
    half, notch = math.pi / count, draws.uniform(0.36, 0.5)
    edge_x, edge_y = notch * torch.cos(half) - 1, notch * torch.sin(half)
    outside = ((along - 1) * edge_y - away.abs() * edge_x) / torch.hypot(edge_x, edge_y)
    return outside, outside + 0.14


@_kind
def snowflake(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Six arms with two pairs of twigs each."""
    along, away = _sector(u, v, 6)
    away = away.abs()
    arm = torch.maximum(away - 0.05, along - 0.97)
    slope = 0.866 * away - 0.5 * along
    reach = draws.uniform(0.26, 0.34)
    twigs = torch.minimum((slope + 0.2).abs(), (slope + 0.36).abs()) - 0.04
    return _whole(torch.minimum(arm, torch.maximum(twigs, away - reach)))


@_kind
def arrow(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A shaft, a barbed head and feathers."""
    barb = torch.maximum(((u - 0.9) * 0.7 + v.abs() * 0.7).abs() - 0.08, v.abs() - 0.45)
    feather = ((u + 0.55) * 0.7 + v.abs() * 0.7).abs() - 0.06
    feathers = torch.maximum(feather, v.abs() - draws.uniform(0.28, 0.4))
    return _whole(torch.minimum(torch.minimum(_box(u, v, 0.88, 0.06), barb), feathers))


@_kind
def hook(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A broken ring inside a broken ring, the gaps on opposite sides."""
    radius, gap = torch.hypot(u, v), draws.uniform(0.14, 0.24)
    outer = torch.maximum((radius - 0.82).abs() - 0.12, -torch.maximum(v.abs() - gap, -u))
    inner = torch.maximum((radius - 0.4).abs() - 0.1, -torch.maximum(v.abs() - gap, u))
    return _whole(torch.minimum(outer, inner))


@_kind
def comb(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A spine with teeth on one side."""
    teeth = torch.maximum(_bars(u, draws.uniform(0.22, 0.32), 0.42), (v - 0.1).abs() - 0.5)
    spine = _box(u, v + 0.45, 0.9, 0.14)
    return _whole(torch.minimum(spine, torch.maximum(teeth, u.abs() - 0.9)))


@_kind
def ladder(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Two rails and rungs."""
    half = draws.uniform(0.3, 0.42)
    rails = torch.maximum((v.abs() - half).abs() - 0.06, u.abs() - 0.96)
    rungs = torch.maximum(_bars(u, draws.uniform(0.26, 0.36), 0.28), _box(u, v, 0.9, half))
    return _whole(torch.minimum(rails, rungs))


@_kind
def fishbone(u: Tensor, v: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A spine with slanted ribs on both sides."""
    slant = 0.8 * u + 0.6 * v.abs()
    ribs = torch.maximum(_bars(slant, draws.uniform(0.24, 0.32), 0.36), torch.maximum(v.abs() - 0.5, u.abs() - 0.85))
    return _whole(torch.minimum(_box(u, v, 0.96, 0.07), ribs))
