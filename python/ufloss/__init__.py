"""Loss functions as NumPy ufuncs, with their derivatives.

Every loss is a numpy.ufunc: it broadcasts and takes ``out=``, ``where=`` and ``dtype=`` as NumPy's own do;
its parameters are operands with names and defaults.  Derivatives are ufuncs too, as attributes:
``huber_loss.grad``, ``huber_loss.value_and_grad``.

>>> import ufloss as ul
>>> ul.huber_loss([0.5, 3.0], 0.0, delta=2.0)
array([0.125, 4.   ])
>>> loss, slope = ul.huber_loss.value_and_grad([0.5, 3.0], 0.0)
"""

from . import ctc
from ._config import __version__, show_config
from ._ctc_paddings import ctc_loss, ctc_loss_with_forward_probs
from ._fenchel_young import make_fenchel_young_loss
from ._paths import get_include
from ._registry import ALIASES, UFUNCS
from ._segmentation import binary_dice_loss, dice_loss, multiclass_generalized_dice_loss

FUNCTIONS = [
    "binary_dice_loss",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "make_fenchel_young_loss",
    "multiclass_generalized_dice_loss",
]

globals().update(UFUNCS)
globals().update({alias: UFUNCS[name] for alias, name in ALIASES.items()})
__all__ = sorted(
    [*UFUNCS, *ALIASES, *FUNCTIONS, "__version__", "compat", "ctc", "get_include", "show_config"]
)
del ALIASES, FUNCTIONS, UFUNCS


def __getattr__(name):
    if name in ("compat", "cuda"):  # imported when somebody asks
        from importlib import import_module

        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return __all__
