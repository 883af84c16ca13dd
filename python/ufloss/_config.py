"""What this installation is and uses."""

import numpy as np

from . import _core
from ._registry import ISA, UFUNCS

__version__ = _core.VERSION


def show_config(mode="stdout"):
    """Show the version, the instruction set in use and those at hand.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, optional
        Print the configuration, or return it as a dict.

    Returns
    -------
    dict or None
        The configuration for ``mode="dicts"``.

    Raises
    ------
    ValueError
        If `mode` is neither of the two.

    Notes
    -----
    The environment variable ``UFLOSS_ISA``, read at import, forces an instruction set.

    Examples
    --------
    >>> import ufloss
    >>> ufloss.show_config(mode="dicts")["losses"] >= 24
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f'mode must be "stdout" or "dicts", not {mode!r}')
    isas, past_cache_from = _core.isa_names(), _core.past_cache_from()
    config = {
        "ufloss": __version__,
        "numpy": np.__version__,
        "instruction set": list(isas)[ISA],
        "usable instruction sets": [name for name, runs in isas.items() if runs],
        "built instruction sets": list(isas),
        "bytes beyond which results are stored past the cache": "never"
        if past_cache_from is None
        else past_cache_from,
        "losses": len(UFUNCS),
    }
    if mode == "dicts":
        return config
    for key, value in config.items():
        print(f"{key}: {', '.join(value) if isinstance(value, list) else value}")
    return None
