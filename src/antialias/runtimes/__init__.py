"""Networks out of Python: files for other runtimes, which answer as the network does, or are not written.

`export` (`_export.py`) is the whole of it. A network is traced by `torch.export`, for any number and size of images
that it takes (`_trace.py`). A `Format` (`_formats.py`) makes a file of the program and runs it; `_int8.py` quantises
an ONNX file on images. The file's answers are compared with the network's and timed (`_verify.py`), and only then it
gets its name. `Exported` (`_result.py`) says what came out.

The folder is not called `export`, because `antialias.export` is the function.
"""

from __future__ import annotations

from ._export import export as export
from ._formats import FORMATS as FORMATS
from ._formats import Format as Format
from ._result import Difference as Difference
from ._result import Exported as Exported
from ._result import Quantization as Quantization

__all__ = ["FORMATS", "Difference", "Exported", "Format", "Quantization", "export"]
