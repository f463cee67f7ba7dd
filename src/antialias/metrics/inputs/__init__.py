"""What a network is shown.

`_images` turns a tensor, a loader or a data set into a stream of single images, each checked. `_normalization` knows
what a network does to pixels before its first layer. `_shifts` moves images in every way that a score uses, and
`_crops` cuts the random pairs of overlapping crops of the dense scores.
"""

from antialias.metrics.inputs._crops import random_crops as random_crops
from antialias.metrics.inputs._images import Images as Images
from antialias.metrics.inputs._images import ImageStream as ImageStream
from antialias.metrics.inputs._images import Sample as Sample
from antialias.metrics.inputs._normalization import IMAGENET as IMAGENET
from antialias.metrics.inputs._normalization import MeanStd as MeanStd
from antialias.metrics.inputs._normalization import Normalize as Normalize
from antialias.metrics.inputs._normalization import Preprocessing as Preprocessing
from antialias.metrics.inputs._normalization import normalization_of as normalization_of
from antialias.metrics.inputs._shifts import window_pairs as window_pairs
from antialias.metrics.inputs._shifts import windows as windows
