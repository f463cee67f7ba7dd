"""Moving images: how much a network's answers flicker in time.

A `Clip` (`_clip.py`) is a value: frames, their rate, and their motion where it is known. `_open.py` makes one of a
video file or a folder, and `_pan.py` renders a camera's path over a still, whose motion is known exactly. `flicker`
(`_flicker.py`) shows clips to networks. `_answers.py` keeps what they say, as it is and smoothed over time
(`_smoothing.py`), and counts what scores are made of: `_maps.py` of maps, `_tracks.py` of objects that are followed. A
`Tally` (`_tally.py`) is such a count, and makes the score of one clip or several. `_result.py` is what comes out, and
`_film.py` draws it.

The folder is not called as the function is: `antialias.flicker` would name both.
"""

from __future__ import annotations

from ._clip import Clip as Clip
from ._flicker import flicker as flicker
from ._open import open_clips as open_clips
from ._pan import MOTIONS as MOTIONS
from ._pan import Motion as Motion
from ._pan import pan as pan
from ._result import Flicker as Flicker
from ._result import Row as Row

__all__ = ["MOTIONS", "Clip", "Flicker", "Motion", "Row", "flicker", "open_clips", "pan"]
