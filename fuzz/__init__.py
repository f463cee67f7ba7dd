"""Hostile files, read as a user would, with everything that must not happen watched.

`_target.py` is what is read and how, `targets/` are all of them, `_mutate.py` spoils files of known formats,
`_watch.py` says what counts as a fault, `_seeded.py` tries files without further tools, `_guided.py` by coverage, and
`__main__.py` is the command: `python -m fuzz TARGET|all --seconds 600`. docs/strangers.md says what is promised.
"""
