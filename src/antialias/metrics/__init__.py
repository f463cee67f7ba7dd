"""Scores of stability under shifts, each with its interval and its protocol (docs/protocols.md)."""

from __future__ import annotations

from antialias.metrics._answers import accuracy as accuracy
from antialias.metrics._answers import agreement as agreement
from antialias.metrics._answers import shift_averaged_answers as shift_averaged_answers
from antialias.metrics._consistency import circular_consistency as circular_consistency
from antialias.metrics._consistency import consistency as consistency
from antialias.metrics._consistency import fractional_consistency as fractional_consistency
from antialias.metrics._consistency import worst_of_grid as worst_of_grid
from antialias.metrics._flips import OnePixelChanges as OnePixelChanges
from antialias.metrics._flips import flip_rate as flip_rate
from antialias.metrics._flips import mean_absolute_change as mean_absolute_change
from antialias.metrics._flips import one_pixel_changes as one_pixel_changes
from antialias.metrics._flips import one_pixel_frames as one_pixel_frames
from antialias.metrics._flips import top1_change as top1_change
from antialias.metrics._normalization import normalization_of as normalization_of
from antialias.metrics._score import Curve as Curve
from antialias.metrics._score import Score as Score
from antialias.metrics._score import difference as difference
from antialias.metrics._shifts import window_pairs as window_pairs
from antialias.metrics._shifts import windows as windows
