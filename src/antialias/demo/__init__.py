"""The demo: small networks trained with and without filters, and real networks mended on real photographs.

`_scratch` trains and compares the small networks, `_pretrained` mends two real ones on the crops of `_photographs`, and
`_run` puts both on one page; `_config` says how large all this is.
"""

from __future__ import annotations

from ._config import FULL as FULL
from ._config import QUICK as QUICK
from ._config import DemoConfig as DemoConfig
from ._run import run as run

__all__ = ["FULL", "QUICK", "DemoConfig", "run"]
