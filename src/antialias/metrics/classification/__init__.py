"""Scores of classifiers, whose answer to an image is a vector of class scores.

Begin with `_formulas`: what is measured, as functions of logits. `_accuracy`, `_consistency`, `_flips` and `_video`
show images to a network and feed the formulas; `_stateful` does the same in somebody else's loop.
"""
