"""Call-compatible modules for three other systems: `optax`, `axon` and `gluon`.

Each takes the arguments of its system, in that system's order and with its defaults, and gives its results;
the core computes them. None is imported before it is used.

>>> import ufloss as ul
>>> ul.compat.optax.huber_loss([0.5, 3.0])
array([0.125, 2.5  ])
"""

import importlib

__all__ = ["axon", "gluon", "optax"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
