"""Moving images: how much a network's answers flicker in time.

A `Clip` (`_clip.py`) is a value: frames, their rate, and their motion where it is known. `_open.py` makes one of a
video file or a folder, and `_pan.py` renders a camera's path over a still, whose motion is known exactly.

The folder is not called as the function is: `antialias.flicker` would name both.
"""

from __future__ import annotations

from ._clip import Clip as Clip
from ._open import open_clips as open_clips
from ._pan import MOTIONS as MOTIONS
from ._pan import Motion as Motion
from ._pan import pan as pan

__all__ = ["MOTIONS", "Clip", "Motion", "open_clips", "pan"]
