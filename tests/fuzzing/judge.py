"""What must hold of a call: its errors, warnings, inputs, outputs and bits."""

import os
import re
import traceback
import warnings

import numpy as np

import ufloss as ul
from ufloss import ctc
from ufloss.compat import optax

HERE = os.path.dirname(__file__)
ALLOWED = (TypeError, ValueError, IndexError, MemoryError, OverflowError)
# How messages begin that NumPy or Python has by itself for the words and operands of a call, before a loss is
# asked: no name is in them.
NAMELESS = re.compile(
    r"operands could not be broadcast together with (remapped )?shapes"
    r"|output array is read-only|setting an array element with a sequence"
    r"|(order|casting) must be one of|data type .* not understood"
    r"|the signature object to ufunc|axis -?\d+ is out of bounds for array of dimension"
    r"|output operand requires a reduction along dimension"
    r"|non-broadcastable output operand with shape|cannot cast Python (int|float) to"
    r"|an integer is required|integer won't fit into a C int|(Python )?int too large to convert to"
    r"|WRITEBACKIFCOPY base is read-only|cannot specify both '(signature|axis)' and"
    r"|The 'out' tuple must have exactly one entry"
    r"|shape too large to be a matrix|cannot reshape array of size \d+ into shape"
)
# Those of NumPy's ufuncs where the loss is called itself, and of their methods.
DIRECT = re.compile(
    NAMELESS.pattern + r"|shape mismatch: objects cannot be broadcast to a single shape"
    r"|return arrays must be of ArrayType|axes should be a list"
    r"|Cannot cast array data from .* to dtype\('bool'\)|float\(\) argument must be"
)
OF_METHODS = re.compile(
    DIRECT.pattern + r"|(reduceat|accumulate|reduce|outer product) only supported for binary functions"
    r"|Only unary and binary ufuncs supported"
    r"|array is not broadcastable to correct shape|exactly two arguments expected"
    r"|first operand must be array|second operand needed for ufunc"
    r"|index -?\d+ is out of bounds for axis"
    r"|cannot (reduceat|accumulate|reduce) on a scalar|too many indices for array"
)
NAMES = {*ul.__all__, *(f"ctc.{name}" for name in ctc.__all__), "fenchel_young_loss"}
DEPRECATED = {
    "convex_kl_divergence",
    "safe_softmax_cross_entropy",
    "multiclass_logistic_loss",
    "binary_logistic_loss",
    "binary_sparsemax_loss",
}


class FaultError(Exception):
    """Something that must hold does not."""


def arrays_in(things):
    for x in things:
        if isinstance(x, np.ndarray):
            yield x
        elif isinstance(x, (tuple, list)):
            yield from arrays_in(x)
        elif isinstance(x, dict):
            yield from arrays_in(x.values())


def buffer_of(a):
    """The array that owns the memory."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a


def snapshot(a):
    raw = np.asarray(a)
    if raw.dtype.hasobject or raw.dtype.kind == "T":
        return repr(raw.tolist())
    mask = np.ma.getmaskarray(a).tobytes() if isinstance(a, np.ma.MaskedArray) else b""
    return raw.tobytes() + mask


def canonical(x):
    """A result as bytes, in C order and with one NaN."""
    if isinstance(x, (tuple, list)):
        return tuple(canonical(y) for y in x)
    a = np.asarray(x)
    if a.dtype.kind in "fc":
        a = np.where(np.isnan(a), a.dtype.type(np.nan), a)
    if a.dtype.char in "gG":  # its bytes have gaps
        return a.dtype.str, a.shape, repr(a.tolist())
    mask = np.ma.getmaskarray(x).tobytes() if isinstance(x, np.ma.MaskedArray) else b""
    if mask and np.ma.getmaskarray(x).shape != a.shape:
        raise FaultError(
            f"a masked array of shape {a.shape} with a mask of shape {np.ma.getmaskarray(x).shape}"
        )
    if mask:
        a = np.where(np.ma.getmaskarray(x), a.dtype.type(0), a)
    return a.dtype.str, a.shape, a.tobytes(), mask


def plain_copy(x):
    """Arrays as contiguous copies in the native byte order; the rest as it is."""
    if isinstance(x, np.ma.MaskedArray):
        return np.ma.array(
            plain_copy(x.data),
            mask=np.ma.getmask(x) if np.ma.getmask(x) is np.ma.nomask else np.array(x.mask, order="C"),
        )
    if isinstance(x, np.ndarray):
        dtype = x.dtype if x.dtype.hasobject or x.dtype.kind in "VT" else x.dtype.newbyteorder("=")
        return np.array(x, dtype=dtype, order="C", copy=True, subok=True)
    if isinstance(x, tuple):
        return tuple(plain_copy(y) for y in x)
    if isinstance(x, dict):
        return {k: plain_copy(v) for k, v in x.items()}
    return x


def outputs_like(d, result, inputs):
    """Arrays for out=, most of them fitting."""
    if not isinstance(result, tuple):
        return output_like(d, result, inputs)
    outs = tuple(output_like(d, x, inputs) if d.chance(0.8) else None for x in result)
    return outs if d.chance(0.97) else outs[:1]


def output_like(d, x, inputs):
    x = np.asarray(x)
    fitting = [
        a
        for a in arrays_in(inputs)
        if type(a) is np.ndarray and a.shape == x.shape and a.flags.writeable and a.dtype == x.dtype
    ]
    if fitting and d.chance(0.3):
        return d.random.choice(fitting)
    shape = x.shape if d.chance(0.93) else (*x.shape, 2)
    dtype = x.dtype if d.chance(0.8) else d.random.choice(["f2", "f4", "f8", "i8", ">f8", "O"])
    a = np.zeros(shape, dtype)
    a[...] = 7
    how = d.random.randrange(6)
    if how == 0 and a.ndim:
        a = np.flip(a, 0)
    elif how == 1:
        a = np.asfortranarray(a)
    elif how == 2 and a.ndim:
        wide = np.zeros((*a.shape, 2), a.dtype)
        wide[...] = 7
        a = wide[..., 0]
    elif how == 3 and d.chance(0.3):
        a.flags.writeable = False
    return a


def attempt(call, args, kwargs):
    """The result or the exception, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = call(*args, **kwargs), None
        except ALLOWED as e:
            result, error = None, e
    return result, error, caught


def judge_error(target, error):
    text = str(error)
    if isinstance(error, MemoryError) or target.named.search(text):
        return
    frames = traceback.extract_tb(error.__traceback__)
    inside = [k for k, f in enumerate(frames) if f.filename.startswith(os.path.dirname(ul.__file__))]
    if inside and any(os.path.dirname(f.filename) == HERE for f in frames[inside[-1] :]):
        return  # what was raised by a function that it was given
    known = NAMELESS if inside else OF_METHODS if "(methods)" in target.name else DIRECT
    if not known.match(text) or (inside and frames[inside[-1]].line.startswith("raise")):
        raise FaultError(
            f"a message without the name of the function or of an argument: {type(error).__name__}: {text}"
        )


def judge_warnings(target, caught):
    called = target.name
    for ending in (" (methods)", ".value_and_grad", ".mean", ".sum"):
        called = called.removesuffix(ending)
    for w in caught:
        # NumPy's, of the cast of an operand or a result inside a call of ours, whose loops leave no flags
        if re.search(f"encountered in {re.escape(called)}", str(w.message)):
            continue
        if issubclass(w.category, DeprecationWarning) and target.name.split(".")[-1] in DEPRECATED | set(
            optax.__all__
        ):
            continue
        if "encountered in cast" in str(
            w.message
        ):  # NumPy's, of an operand or a result that a keyword or a mixture of types casts
            continue
        raise FaultError(f"a warning: {w.category.__name__}: {w.message}")


def examine(target, d):
    """One call and its variations; raises FaultError."""
    args, kwargs = target.draw(d)
    before = {id(a): (a, snapshot(buffer_of(a))) for a in arrays_in([args, kwargs])}

    def check_inputs(but=()):
        for a, was in before.values():
            if not any(np.may_share_memory(a, o) for o in but) and snapshot(buffer_of(a)) != was:
                raise FaultError("an input is written")

    writes = "(methods)" in target.name and args[0] == "at"
    result, error, caught = attempt(target.call, args, kwargs)
    if not writes:
        check_inputs()
    judge_warnings(target, caught)
    if error is not None:
        judge_error(target, error)
    if writes or isinstance(error, MemoryError):
        return
    again, error_again, _ = attempt(target.call, args, kwargs)
    if type(error) is not type(error_again):
        raise FaultError(f"the second time: {error_again!r} after {error!r}")
    if error is None and canonical(result) != canonical(again):
        raise FaultError("other bits the second time")
    if "casting" in kwargs:  # a byte order is something to cast
        return
    other, other_error, _ = attempt(target.call, plain_copy(tuple(args)), plain_copy(kwargs))
    if type(error) is not type(other_error):
        raise FaultError(f"contiguous copies: {other_error!r} after {error!r}")
    if error is None and canonical(result) != canonical(other):
        raise FaultError("other bits for contiguous copies")

    takes_out = (
        isinstance(target.call, np.ufunc)
        or type(target.call).__name__ == "Reduction"
        or hasattr(target.call, "takes_out")
    )
    if not takes_out or not d.chance(0.4):
        return
    if error is None:
        outs = outputs_like(
            d,
            result
            if not kwargs.get("returned")
            else result[: len(result) - 1]
            if len(result) > 2
            else result[0],
            [args, kwargs],
        )
    else:
        outs = (
            np.full((2,), 7.0)
            if getattr(target.call, "nout", 1) == 1
            else tuple(np.full((2,), 7.0) for _ in range(target.call.nout))
        )
    given = list(arrays_in([outs]))
    kept = [snapshot(buffer_of(o)) for o in given]
    wanted = canonical(result) if error is None else None
    found, out_error, caught = attempt(target.call, args, {**kwargs, "out": outs})
    judge_warnings(target, caught)
    check_inputs(given)
    if out_error is not None:
        judge_error(target, out_error)
        computed = re.search(
            r"out of range|is the blank|no class|not a class", str(out_error)
        )  # seen in the loop, when others may be done
        if (
            not computed
            and not isinstance(out_error, MemoryError)
            and [snapshot(buffer_of(o)) for o in given] != kept
        ):
            raise FaultError(
                f"an output is written by a call that raises {type(out_error).__name__}: {out_error}"
            )
        return
    if error is not None:
        raise FaultError(f"with out= there is no error: {error!r}")
    where = kwargs.get("where", True)
    shares = any(np.may_share_memory(o, p) for i, o in enumerate(given) for p in given[:i])
    plain_where = (
        where is True or getattr(target.call, "signature", "") or type(target.call).__name__ == "Reduction"
    )
    if (
        plain_where
        and not shares
        and "casting" not in kwargs
        and "subok" not in kwargs
        and not any(
            isinstance(x, np.ma.MaskedArray) for x in (result if isinstance(result, tuple) else (result,))
        )
    ):
        pairs = zip(
            found if isinstance(found, tuple) else (found,),
            wanted if isinstance(result, tuple) else (wanted,),
            strict=False,
        )
        for x, w in pairs:
            if (
                type(x) is np.ndarray
                and x.shape == w[1]
                and np.asarray(x).dtype.newbyteorder("=").str == w[0]
                and x.dtype.kind != "O"
                and canonical(np.asarray(x).astype(w[0]))[:3] != w[:3]
            ):
                raise FaultError(
                    f"other bits with out=: {np.asarray(x).dtype} {np.shape(x)} {np.ravel(x)[:3]}"
                )
