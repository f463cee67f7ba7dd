"""Networks side by side: what was measured of each, and the paired differences."""

from antialias.comparison._comparison import Comparison as Comparison
from antialias.comparison._comparison import Contender as Contender
from antialias.comparison._files import write as write

__all__ = ["Comparison", "Contender", "write"]
