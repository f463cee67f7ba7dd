"""A mask, a box and a class for each object.

`_annotation` is one such image and what resizing, cropping and flipping do to it; `_coco` reads COCO's layout and
`_coco_entries` says what is wrong with an entry of its file; `_class_split` hides the masks of some classes.
"""

from ._annotation import AnnotatedImages as AnnotatedImages
from ._annotation import Annotation as Annotation
from ._annotation import DetectionDataset as DetectionDataset
from ._class_split import ClassSplit as ClassSplit
from ._class_split import PartiallySupervised as PartiallySupervised
from ._coco import CocoInstances as CocoInstances
