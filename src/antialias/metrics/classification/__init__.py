"""Scores of classifiers, whose answer to an image is a vector of class scores.

Begin with `_formulas`: what is measured, as functions of logits. `_accuracy`, `_consistency`, `_flips` and `_video`
show images to a network and feed the formulas, `_stability` all of them from one set of windows; `_stateful` does the
same in somebody else's loop.
"""

from antialias.metrics.classification._accuracy import accuracy as accuracy
from antialias.metrics.classification._accuracy import agreement as agreement
from antialias.metrics.classification._accuracy import shift_averaged_answers as shift_averaged_answers
from antialias.metrics.classification._consistency import circular_consistency as circular_consistency
from antialias.metrics.classification._consistency import consistency as consistency
from antialias.metrics.classification._consistency import fractional_consistency as fractional_consistency
from antialias.metrics.classification._consistency import on_correct as on_correct
from antialias.metrics.classification._consistency import worst_of_grid as worst_of_grid
from antialias.metrics.classification._flips import Direction as Direction
from antialias.metrics.classification._flips import flip_rate as flip_rate
from antialias.metrics.classification._flips import mean_absolute_change as mean_absolute_change
from antialias.metrics.classification._flips import one_pixel_changes as one_pixel_changes
from antialias.metrics.classification._flips import one_pixel_frames as one_pixel_frames
from antialias.metrics.classification._flips import top1_change as top1_change
from antialias.metrics.classification._formulas import jensen_shannon as jensen_shannon
from antialias.metrics.classification._stability import measure_classifier as measure_classifier
from antialias.metrics.classification._video import grouped_answer as grouped_answer
from antialias.metrics.classification._video import video_accuracy as video_accuracy
