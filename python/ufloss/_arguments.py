"""Arguments of a call: which is which, as arrays, and the outputs among them."""

import numpy as np

from . import _core


def bind(loss, name, args, kwargs):
    """The inputs in order, None for defaults; and the outputs given by position.

    Names of inputs are taken out of `kwargs`.
    """
    names = tuple(a["name"] for a in loss["args"])
    defaults = tuple(... if a["default"] is None else a["default"] for a in loss["args"])
    return _core.bind(name, names, defaults, args, kwargs)


def fill(loss, inputs):
    """The inputs with defaults where there is None."""
    return [a["default"] if x is None else x for a, x in zip(loss["args"], inputs, strict=True)]


def as_array(x):
    """An array whose rows can be laid out anew, which those of a matrix, always of two axes, cannot."""
    return np.asarray(x) if isinstance(x, np.matrix) else np.asanyarray(x)


def as_arrays(loss, inputs):
    """The inputs as arrays; a default along the row in the type of the first, so that it is broadcast as it
    is and not cast after.  Other defaults stay numbers, which take the type of the loop.
    """
    arrays = []
    for a, x in zip(loss["args"], inputs, strict=True):
        if x is not None:
            arrays.append(as_array(x))
        elif a["along"]:
            first = arrays[0].dtype
            arrays.append(np.array(a["default"], first if first.kind == "f" else float))
        else:
            arrays.append(a["default"])
    return arrays


def outputs(parts, by_position, out, name):
    """One output or None for each part, checked as NumPy checks them."""
    if by_position and out is not None:
        raise TypeError(f"{name}() cannot specify 'out' as both a positional and keyword argument")
    if len(by_position) > len(parts):
        raise TypeError(f"{name}() takes {len(parts)} output{'s' * (len(parts) > 1)}, not {len(by_position)}")
    if by_position or out is None:
        outs = (*by_position, *[None] * (len(parts) - len(by_position)))
    elif isinstance(out, tuple):
        if len(out) != len(parts):
            raise ValueError(f"{name}: the 'out' tuple must have exactly one entry per ufunc output")
        outs = out
    elif len(parts) > 1:
        raise TypeError(f"{name}: 'out' must be a tuple of arrays")
    else:
        outs = (out,)
    for o in outs:
        if o is not None and not isinstance(o, np.ndarray):
            raise TypeError(f"{name}: return arrays must be of ArrayType")
    return outs


def check_output(out, shape, dtype, casting, name, what="result"):
    """Can a result of that shape and type be stored there?  Asked before anything is computed: a call that
    raises writes nothing.
    """
    if out.shape != shape:
        raise ValueError(f"{name}: output has shape {out.shape}, the {what} {shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: output array is read-only")
    if not np.can_cast(dtype, out.dtype, casting):
        raise TypeError(
            f"{name}: cannot cast the {what} from {np.dtype(dtype)} to {out.dtype}, that of the output, "
            f"with casting '{casting}'"
        )
