"""Scores of networks that give numbers for each pixel, such as depth, flow or edges.

`_consistency` says how much two crops of one image disagree on them.
"""

from antialias.metrics.dense._consistency import dense_consistency as dense_consistency
from antialias.metrics.dense._consistency import measure_dense as measure_dense
