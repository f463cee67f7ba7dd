"""The few changes that surgery makes to a network.

`_edits` has them as plain data that can be done, undone, saved and repeated. What they leave in a network stands beside
it: hooks (`_hooks`), pools at stride 1 (`_pools`), and forwards in which a function is given a filter (`_functional`).
`_phases` has the edits that average phases, `_detections` what a detector needs for that, `_shifts` the average over
shifted copies.
`_places` lets filters stay where tools make modules anew, and `_guard` notices where one was lost.
"""

from __future__ import annotations

from ._alignment import AlignImages as AlignImages
from ._alignment import AlignPhases as AlignPhases
from ._alignment import aligning_macs as aligning_macs
from ._detections import FuseDetections as FuseDetections
from ._detections import FusePhases as FusePhases
from ._detections import MoveImages as MoveImages
from ._edits import Edit as Edit
from ._edits import FilterEdit as FilterEdit
from ._edits import Insert as Insert
from ._edits import KeepPhase as KeepPhase
from ._edits import Patch as Patch
from ._edits import Replace as Replace
from ._edits import ReturnPhase as ReturnPhase
from ._edits import SetAttributes as SetAttributes
from ._edits import SharePhase as SharePhase
from ._edits import Smooth as Smooth
from ._edits import SmoothFunction as SmoothFunction
from ._edits import Stride1Pool as Stride1Pool
from ._edits import WrapBorders as WrapBorders
from ._edits import edit_from_dict as edit_from_dict
from ._functional import joins as joins
from ._guard import unwatch as unwatch
from ._guard import watch as watch
from ._hooks import CHILD as CHILD
from ._hooks import CropToPhase as CropToPhase
from ._phases import AveragePhases as AveragePhases
from ._phases import EndPhases as EndPhases
from ._phases import JoinPhases as JoinPhases
from ._phases import MoveInput as MoveInput
from ._phases import PickPhase as PickPhase
from ._phases import Steps as Steps
from ._phases import WrapEnd as WrapEnd
from ._phases import averaged as averaged
from ._places import Side as Side
from ._places import is_foldable as is_foldable
from ._shifts import AnswerCopies as AnswerCopies
from ._shifts import AverageShifts as AverageShifts
from ._shifts import logits_of as logits_of
from ._shifts import moved as moved
from ._shifts import runs_of as runs_of

__all__ = [
    "CHILD",
    "AlignImages",
    "AlignPhases",
    "AnswerCopies",
    "AveragePhases",
    "AverageShifts",
    "CropToPhase",
    "Edit",
    "EndPhases",
    "FilterEdit",
    "FuseDetections",
    "FusePhases",
    "Insert",
    "JoinPhases",
    "KeepPhase",
    "MoveImages",
    "MoveInput",
    "Patch",
    "PickPhase",
    "Replace",
    "ReturnPhase",
    "SetAttributes",
    "SharePhase",
    "Side",
    "Smooth",
    "SmoothFunction",
    "Steps",
    "Stride1Pool",
    "WrapBorders",
    "WrapEnd",
    "aligning_macs",
    "averaged",
    "edit_from_dict",
    "is_foldable",
    "joins",
    "logits_of",
    "moved",
    "runs_of",
    "unwatch",
    "watch",
]
