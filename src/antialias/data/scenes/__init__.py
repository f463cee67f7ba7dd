"""Composed scenes, and the photographs in installed wheels that they are made of.

`_photographs` reads the wheels, `_atlas` cuts turned pieces out of photographs, `_shapes` draws twenty kinds of objects
by their distances to an edge, `_draws` are random numbers that depend on the item alone; `_scenes` composes all of it,
and `_segmented` serves scenes as a semantic segmentation data set.
"""

from ._photographs import imagenet_photographs as imagenet_photographs
from ._photographs import photographs as photographs
from ._scenes import Scenes as Scenes
from ._segmented import SegmentedScenes as SegmentedScenes
