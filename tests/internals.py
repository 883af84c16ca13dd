"""What the tests look at inside the package, and no test imports from anywhere else: a change of those names
or of the dictionaries behind them is adapted here.
"""

from ufloss import _core, _reduce, _stubs
from ufloss._records import lattice_records
from ufloss._registry import ALL, ISA, LOSSES, PAIR_LOSSES, ROW_LOSSES, UFUNCS
from ufloss.compat import _common, _operators
from ufloss.cuda import _arrays as cuda_arrays
from ufloss.cuda import _cache as cuda_cache
from ufloss.cuda import _calls as cuda_calls
from ufloss.cuda import _driver as cuda_driver
from ufloss.cuda import _functions as cuda_functions
from ufloss.cuda import _kernels as cuda_kernels

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
    "cuda_arrays",
    "cuda_cache",
    "cuda_calls",
    "cuda_driver",
    "cuda_functions",
    "cuda_kernels",
    "lattice_records",
]
