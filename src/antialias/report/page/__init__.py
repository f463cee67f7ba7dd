"""A report as one HTML page, with nothing outside it.

`_render` fills the template `page.html.j2`, to which `page.css` and `page.js` belong: what all sections share. Each
section has a template of its own in `sections`, named as its anchor, with the style and the script that only it needs
beside it; the list of sections is at the head of `page.html.j2`. `_layout` computes where the figures draw what,
`_depth` that for a diagnosis.
"""

from __future__ import annotations

from ._layout import SHAPES as SHAPES
from ._layout import ramp as ramp
from ._render import fill as fill
from ._render import joined as joined
from ._render import page_json as page_json
from ._render import render as render
from ._render import script_json as script_json
from ._render import section as section
from ._render import write as write

__all__ = ["SHAPES", "fill", "joined", "page_json", "ramp", "render", "script_json", "section", "write"]
