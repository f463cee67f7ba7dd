"""A report as one HTML page, with nothing outside it.

`_render` fills the template `page.html.j2`, to which `page.css` and `page.js` belong; `_layout` computes where the
figures of the page draw what.
"""

from __future__ import annotations

from ._render import render as render
from ._render import write as write

__all__ = ["render", "write"]
