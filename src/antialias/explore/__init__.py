"""The report's page, live: drag a window over one's own image and see what networks answer now.

`Networks` (`_networks.py`) is the network as it is and what the page's switches make of it. `_images.py` takes what is
uploaded, within `Limits`, and holds it in memory. `Explorer` (`_explorer.py`) is the whole without the web: images and
places of the window in, what the page shows out, in the values of `antialias.report`. `_turns.py` lets clients have
their turn at the one thread that computes; `_guard.py` says who may ask, how much and how often. `_app.py` is the web
application of these, `_serve.py` runs it on this machine. `page/` holds what is only this page's; the rest of its style
and script is the report's.
"""

from __future__ import annotations

from ._app import application as application
from ._explorer import Explorer as Explorer
from ._images import Limits as Limits
from ._networks import Choice as Choice
from ._networks import Networks as Networks
from ._serve import serve as serve

__all__ = ["Choice", "Explorer", "Limits", "Networks", "application", "serve"]
