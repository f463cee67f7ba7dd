"""Images with labels, masks or objects: readers of the standard layouts, composed scenes, photographs.

Read from below. `images` opens image files and reports what cannot be used. `classification`, `segmentation` and
`detection` each say what such a data set is and read its layouts. `scenes` draws images that need no files. `_open`
turns a name that a user types into one of these, and `_in_memory` holds a whole data set.
"""

from ._in_memory import in_memory as in_memory
from ._open import Request as Request
from ._open import open_data as open_data
from ._open import register as register
from .classification import ClassificationDataset as ClassificationDataset
from .classification import ImageFolder as ImageFolder
from .classification import LabelledImages as LabelledImages
from .classification import VideoFrames as VideoFrames
from .detection import AnnotatedImages as AnnotatedImages
from .detection import Annotation as Annotation
from .detection import ClassSplit as ClassSplit
from .detection import CocoInstances as CocoInstances
from .detection import DetectionDataset as DetectionDataset
from .detection import PartiallySupervised as PartiallySupervised
from .images import BrokenData as BrokenData
from .images import boxes_to_masks as boxes_to_masks
from .images import crop_and_pad as crop_and_pad
from .images import resize as resize
from .scenes import Scenes as Scenes
from .scenes import imagenet_photographs as imagenet_photographs
from .scenes import photographs as photographs
from .segmentation import Cityscapes as Cityscapes
from .segmentation import SegmentationDataset as SegmentationDataset
from .segmentation import SegmentedImages as SegmentedImages
from .segmentation import VocSegmentation as VocSegmentation

__all__ = [
    "AnnotatedImages",
    "Annotation",
    "BrokenData",
    "Cityscapes",
    "ClassSplit",
    "ClassificationDataset",
    "CocoInstances",
    "DetectionDataset",
    "ImageFolder",
    "LabelledImages",
    "PartiallySupervised",
    "Request",
    "Scenes",
    "SegmentationDataset",
    "SegmentedImages",
    "VideoFrames",
    "VocSegmentation",
    "boxes_to_masks",
    "crop_and_pad",
    "imagenet_photographs",
    "in_memory",
    "open_data",
    "photographs",
    "register",
    "resize",
]
