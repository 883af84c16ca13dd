"""What the benchmarks look at inside the package."""

from ufloss._registry import LOSSES, UFUNCS

__all__ = ["LOSSES", "UFUNCS"]
