"""Networks that segment and detect: heads on the maps of a classifier. Importing this needs torchvision.

`_bodies.py` gives the maps. `_segmenter.py` is what the segmenters share, `_deeplab.py` and `_dmnet.py` are they;
`_mask_rcnn.py` detects, and `_mask_x.py` gives masks to classes that had none in training. `_unet.py` and
`_generator.py` are small networks of their own, which upsample by transposed convolutions.
"""

from __future__ import annotations

from ._deeplab import SpatialPyramid as SpatialPyramid
from ._deeplab import TinyDeepLab as TinyDeepLab
from ._dmnet import DynamicFilterHead as DynamicFilterHead
from ._dmnet import PyramidPoolingHead as PyramidPoolingHead
from ._dmnet import dmnet as dmnet
from ._dmnet import tiny_segmenter as tiny_segmenter
from ._generator import TinyGenerator as TinyGenerator
from ._mask_rcnn import mask_rcnn as mask_rcnn
from ._mask_rcnn import tiny_mask_rcnn as tiny_mask_rcnn
from ._mask_x import TransferredMasks as TransferredMasks
from ._mask_x import mask_x as mask_x
from ._mask_x import masks_in as masks_in
from ._mask_x import tiny_mask_x as tiny_mask_x
from ._segmenter import Segmenter as Segmenter
from ._unet import TinyUNet as TinyUNet

__all__ = [
    "DynamicFilterHead",
    "PyramidPoolingHead",
    "Segmenter",
    "SpatialPyramid",
    "TinyDeepLab",
    "TinyGenerator",
    "TinyUNet",
    "TransferredMasks",
    "dmnet",
    "mask_rcnn",
    "mask_x",
    "masks_in",
    "tiny_mask_rcnn",
    "tiny_mask_x",
    "tiny_segmenter",
]
