"""One label an image: what such a data set is (`_labelled`), folders of classes (`_folder`), ImageNet VID (`_vid`)."""

from ._folder import ImageFolder as ImageFolder
from ._labelled import ClassificationDataset as ClassificationDataset
from ._labelled import LabelledImages as LabelledImages
from ._vid import VideoFrames as VideoFrames
