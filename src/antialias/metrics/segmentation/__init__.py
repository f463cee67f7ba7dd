"""Scores of segmenters, whose answer to an image is a map of labels.

Begin with `_overlaps`: what is measured, as functions of maps. `_mean_iou` says how much is right, `_consistency` how
much two crops agree on; `_segmenter` asks the network and `_stateful` serves somebody else's loop.
"""
