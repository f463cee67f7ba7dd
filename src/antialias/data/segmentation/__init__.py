"""A class for each pixel.

`_segmented` says what such a data set is and holds one in memory. VOC (`_voc`) and Cityscapes (`_cityscapes`) say which
files belong together and what their ids mean; `_mask_files` reads and checks them.
"""

from ._cityscapes import Cityscapes as Cityscapes
from ._segmented import SegmentationDataset as SegmentationDataset
from ._segmented import SegmentedImages as SegmentedImages
from ._voc import VocSegmentation as VocSegmentation
