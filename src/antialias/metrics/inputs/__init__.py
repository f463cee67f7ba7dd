"""What a network is shown.

`_images` turns a tensor, a loader or a data set into a stream of single images, each checked. `_normalization` knows
what a network does to pixels before its first layer. `_shifts` moves images in every way that a score uses, and
`_crops` cuts the random pairs of overlapping crops of the dense scores.
"""
