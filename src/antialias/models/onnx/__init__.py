"""Networks of any framework as ONNX files, which ONNX Runtime runs.

`_image_input.py` recognises how a file takes images, `_outputs.py` what it answers, `_options.py` is
what it does not say, and `_network.py` is the network
that scores are given.
"""

from __future__ import annotations

from ._network import OnnxNetwork as OnnxNetwork
from ._network import load_onnx as load_onnx
from ._network import onnx_session as onnx_session
from ._options import OnnxOptions as OnnxOptions

__all__ = ["OnnxNetwork", "OnnxOptions", "load_onnx", "onnx_session"]
