"""What predicted low-pass filters do, position by position and over a data set.

`_predicted` holds the filters that one layer predicts for images, and what is computed of each filter. `_similarity`
says how much feature maps resemble each other within a channel group and between groups. `_statistics` measures both
over images, with intervals.
"""

from antialias.metrics.filters._predicted import PredictedFilters as PredictedFilters
from antialias.metrics.filters._predicted import frequency_response as frequency_response
from antialias.metrics.filters._predicted import predicted_filters as predicted_filters
from antialias.metrics.filters._similarity import group_similarity as group_similarity
from antialias.metrics.filters._statistics import FilterStatistics as FilterStatistics
from antialias.metrics.filters._statistics import SiteStatistics as SiteStatistics
from antialias.metrics.filters._statistics import filter_statistics as filter_statistics
