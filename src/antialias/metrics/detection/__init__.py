"""Scores of detectors, whose answer to an image is a list of instances: boxes, labels, scores and masks.

Begin with `_matching`: who is who. `_average_precision` says how much is right, `_worst_shift` the same at the worst of
some shifts, `_consistency` how much two crops agree on; `_detector` asks the network and `_stateful` serves somebody
else's loop.
"""
