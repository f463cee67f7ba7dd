"""Pictures: real photographs that installed packages carry, composed scenes, and folders of the user's."""

from ._annotated import Annotated as Annotated
from ._annotated import Annotation as Annotation
from ._annotated import Annotations as Annotations
from ._annotated import boxes_around as boxes_around
from ._annotated import cut as cut
from ._annotated import hold as hold
from ._annotated import mirrored as mirrored
from ._annotated import resampled as resampled
from ._annotated import scaled as scaled
from ._cityscapes import Cityscapes as Cityscapes
from ._class_split import ClassSplit as ClassSplit
from ._class_split import PartlyMasked as PartlyMasked
from ._class_split import class_split as class_split
from ._class_split import filled as filled
from ._coco import CocoInstances as CocoInstances
from ._faults import BrokenData as BrokenData
from ._faults import Fault as Fault
from ._faults import OnBroken as OnBroken
from ._folder import ImageFolder as ImageFolder
from ._open import Opener as Opener
from ._open import Request as Request
from ._open import Want as Want
from ._open import open_data as open_data
from ._open import register as register
from ._photographs import photographs as photographs
from ._photographs import textures as textures
from ._pictures import Labelled as Labelled
from ._pictures import Pictures as Pictures
from ._pictures import Progress as Progress
from ._pictures import materialize as materialize
from ._scenes import Scene as Scene
from ._scenes import Scenes as Scenes
from ._segmented import Segmentations as Segmentations
from ._segmented import Segmented as Segmented
from ._segmented import SegmentedScenes as SegmentedScenes
from ._segmented import hold_segmented as hold_segmented
from ._segmented import window_of as window_of
from ._vid import VideoFrames as VideoFrames
from ._voc import VocSegmentation as VocSegmentation

__all__ = [
    "Annotated",
    "Annotation",
    "Annotations",
    "BrokenData",
    "Cityscapes",
    "ClassSplit",
    "CocoInstances",
    "Fault",
    "ImageFolder",
    "Labelled",
    "OnBroken",
    "Opener",
    "PartlyMasked",
    "Pictures",
    "Progress",
    "Request",
    "Scene",
    "Scenes",
    "Segmentations",
    "Segmented",
    "SegmentedScenes",
    "VideoFrames",
    "VocSegmentation",
    "Want",
    "boxes_around",
    "class_split",
    "cut",
    "filled",
    "hold",
    "hold_segmented",
    "materialize",
    "mirrored",
    "open_data",
    "photographs",
    "register",
    "resampled",
    "scaled",
    "textures",
    "window_of",
]
