"""What parts agree on that do not know each other."""

IGNORED = 255
"""The class of pixels that are neither learnt nor counted, in data and in metrics."""
