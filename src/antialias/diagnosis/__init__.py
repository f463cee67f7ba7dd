"""Where a network aliases: the cause and the effect at each site, and what to do about which first.

`_diagnose.py` is the whole in one function. On the way: `_spectrum.py` (the cause: what a map has above the limit of
the grid it is subsampled to), `_remedies.py` (the effect: the network with one place mended, and what that costs),
`_around.py` (what comes before and after the network), `_checks.py` (what the numbers mean, as stable codes).
`_result.py` is what comes out, `_text.py` its words and files, `_figure.py` its picture.

The folder is not called as the function is: `antialias.diagnose` would name both.
"""

from __future__ import annotations

from ._checks import CODES as CODES
from ._checks import Check as Check
from ._checks import Code as Code
from ._checks import Result as Result
from ._diagnose import diagnose as diagnose
from ._result import Diagnosis as Diagnosis
from ._result import SiteDiagnosis as SiteDiagnosis
from ._spectrum import spectrum_energies as spectrum_energies

__all__ = [
    "CODES",
    "Check",
    "Code",
    "Diagnosis",
    "Result",
    "SiteDiagnosis",
    "diagnose",
    "spectrum_energies",
]
