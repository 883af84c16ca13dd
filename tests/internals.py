"""What the tests look at inside the package, and no test imports from anywhere else: a change of those names
or of the dictionaries behind them is adapted here.
"""

from ufloss import _core, _reduce, _stubs
from ufloss._records import lattice_records
from ufloss._registry import ALL, ISA, LOSSES, PAIR_LOSSES, ROW_LOSSES, UFUNCS
from ufloss.compat import _common, _operators

__all__ = [
    "ALL",
    "ISA",
    "LOSSES",
    "PAIR_LOSSES",
    "ROW_LOSSES",
    "UFUNCS",
    "_common",
    "_core",
    "_operators",
    "_reduce",
    "_stubs",
    "lattice_records",
]
