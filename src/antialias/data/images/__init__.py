"""Image files, and what a reader says of those that cannot be used.

`_faults` collects what is broken and stops or leaves it out. `_pixels` reads sizes, pixels, parts and class ids by the
rules that docs/training.md states: which way up an image is (`_orientation`), what its numbers mean (`_values`), and
whether it is all there and not too large (`_whole`).
`_names` finds the files that a list names. `_transforms` resizes and crops images together with their masks and boxes.
"""

from ._faults import BrokenData as BrokenData
from ._faults import Fault as Fault
from ._faults import OnBroken as OnBroken
from ._faults import UnusableFile as UnusableFile
from ._faults import contents as contents
from ._faults import faults_in as faults_in
from ._faults import raise_or_report as raise_or_report
from ._faults import value_or_fault as value_or_fault
from ._names import FilesByName as FilesByName
from ._names import name_of as name_of
from ._pixels import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from ._pixels import Box as Box
from ._pixels import FloatRanges as FloatRanges
from ._pixels import broken_images as broken_images
from ._pixels import image_size as image_size
from ._pixels import read_class_ids as read_class_ids
from ._pixels import read_crop as read_crop
from ._pixels import read_image as read_image
from ._pixels import read_square as read_square
from ._pixels import upright_pixels as upright_pixels
from ._transforms import boxes_to_masks as boxes_to_masks
from ._transforms import crop_and_pad as crop_and_pad
from ._transforms import masks_to_boxes as masks_to_boxes
from ._transforms import resize as resize
