"""What is said in errors: the name that was called, the choices that there are."""

import contextlib
import re

import numpy as np


@contextlib.contextmanager
def in_the_name_of(name, *others):
    """What the functions that a loss is made of complain about, under the name that was called."""
    try:
        yield
    except (TypeError, ValueError) as error:
        said = re.sub(rf"\b({'|'.join(others)})(\.\w+)?(?=\(|:| )", name, str(error))
        if said == str(error):
            raise
        kind = next(k for k in (np.exceptions.AxisError, TypeError, ValueError) if isinstance(error, k))
        raise kind(said) from None


def choose(name, x, choices):
    """The one of the choices that an option is; an array of several is none."""
    try:
        return choices[choices.index(x)]
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}, not {x!r}"
        ) from None
