"""Every call of all three modules in other layouts and types, with masks and with arrays of pandas."""

import re
import warnings

import numpy as np
import pytest

from compat.axon_cases import AXON
from compat.gluon_cases import GLUON, GLUON_ROWS
from compat.optax_cases import OPTAX
from compat.plain import INF, LOGP, NAN, REDUCTIONS, L, P, T, X, ce, check, onehot, same
from ufloss.compat import axon, gluon, optax


def calls():
    """Name, function, arguments and keywords."""
    found = [(f"optax.{name}", getattr(optax, name), args, kwargs) for name, args, kwargs, _ in OPTAX]
    for name, args, kwargs, _ in AXON:
        for reduction in ({},) if name == "apply_label_smoothing" else [{"reduction": r} for r in REDUCTIONS]:
            found.append((f"axon.{name}", getattr(axon, name), args, {**kwargs, **reduction}))
    for loss, args, kwargs, _ in [*GLUON, *GLUON_ROWS]:
        found += [(f"gluon.{loss!r}", loss, args, kwargs), (f"gluon.{loss!r}.grad", loss.grad, args, kwargs)]
        found.append(
            (
                f"gluon.{loss!r}.weighted",
                loss,
                args,
                {**kwargs, "sample_weight": np.array([[[0.0]], [[1e30]]])},
            )
        )
    apart = [
        (gluon.TripletLoss(), (X, T, P)),
        (gluon.CosineEmbeddingLoss(), (X, T, np.array([[1, -1, 1], [-1, 0, -1]]))),
        (gluon.SDMLLoss(), (X[0], T[0])),
    ]
    for loss, args in apart:
        found += [
            (f"gluon.{loss!r}.{f.__name__}", f, args, {}) for f in (loss.forward, loss.grad, loss.grads)
        ]
    found += [
        ("gluon.ctc", gluon.CTCLoss(), (X, L), {}),
        (
            "axon.ctc",
            axon.connectionist_temporal_classification,
            ((np.array([2, 3]), L), LOGP),
            {"reduction": "mean"},
        ),
        ("optax.ctc", optax.ctc_loss, (X, L * 0, L, L * 0), {}),
        ("optax.ctc_forward", optax.ctc_loss_with_forward_probs, (X, L * 0, L, L * 0), {}),
        ("optax.ntxent", optax.ntxent, (X[0], L[0]), {}),
    ]
    return found


CALLS = {}
for call in calls():
    CALLS.setdefault(call[0].split("(")[0], []).append(call)
by_call = pytest.mark.parametrize("cases", CALLS.values(), ids=CALLS)


def each_array(f, x):
    """A function of every array among arguments."""
    if isinstance(x, tuple):
        return tuple(each_array(f, a) for a in x)
    return f(x) if isinstance(x, np.ndarray) and x.ndim else x


@by_call
def test_nothing_depends_on_the_memory_order(cases):
    for _, f, args, kwargs in cases:
        same(f(*each_array(np.asfortranarray, args), **kwargs), f(*args, **kwargs))


@by_call
def test_nothing_warns(cases):
    rng = np.random.default_rng(3)
    special = np.array([0, -0.0, INF, -INF, NAN, 65504, -65504, 1e-7, 1e300, -1e300, 1e-320, 3e38])

    def spoil(x, dtype):
        y = x.astype(float)
        chosen = rng.random(x.shape) < 0.3
        y[chosen] = rng.choice(special, chosen.sum())
        with np.errstate(all="ignore"):
            return y.astype(dtype) if x.dtype.kind == "f" else x

    for _, f, args, kwargs in cases:
        inputs = [
            each_array(lambda x, dtype=dtype: spoil(x, dtype), args)
            for dtype in ("f2", "f4", "f8")
            for _ in range(3)
        ]
        inputs += [(args[0], *each_array(lambda x: spoil(x, "f8"), args[1:]))]
        with warnings.catch_warnings(), np.errstate(all="raise"):
            warnings.simplefilter("error")
            for given in inputs:
                try:
                    f(*given, **kwargs)
                except ValueError as error:
                    if not re.search("probabilities|label has NaN", str(error)):
                        raise


@by_call
def test_float16_is_taken_everywhere(cases):
    for name, f, args, kwargs in cases:
        halves = each_array(lambda x: x.astype("f2") if x.dtype.kind == "f" else x, args)
        # Probabilities of float16 sum to 1 within their own spacing, which float32 would not let pass: there
        # the unrounded ones.
        rounded = not ("dice" in name and kwargs.get("apply_softmax") is False)
        whole = f(
            *each_array(lambda x: x.astype("f4") if x.dtype.kind == "f" else x, halves if rounded else args),
            **kwargs,
        )
        for a, b in zip(
            *[r if isinstance(r, tuple) else (r,) for r in (f(*halves, **kwargs), whole)], strict=True
        ):
            assert a.dtype == (np.float32 if name.startswith("optax.ctc") else np.float16)
            with np.errstate(over="ignore"):
                np.testing.assert_allclose(
                    a.astype(float),
                    b.astype(a.dtype).astype(float),
                    rtol=1e-3 if rounded else 3e-3,
                    atol=1e-7,
                )


def hide_one(x):
    return np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == 0)


@by_call
def test_masked_elements_are_refused_and_masks_without_any_are_not(cases):
    for _, f, args, kwargs in cases:
        same(f(*each_array(np.ma.array, args), **kwargs), f(*args, **kwargs))
        for i, x in enumerate(args):
            if isinstance(x, np.ndarray):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args[:i], hide_one(x), *args[i + 1 :], **kwargs)
            elif isinstance(x, tuple):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args[:i], (x[0], hide_one(x[1])), *args[i + 1 :], **kwargs)
        for word, x in kwargs.items():
            if isinstance(x, np.ndarray):
                with pytest.raises(TypeError, match="masked elements"):
                    f(*args, **{**kwargs, word: hide_one(x)})


def one_row(x):
    return x[0] if x.ndim > 2 else x


def test_series_frames_and_matrices_are_arrays():
    pd = pytest.importorskip("pandas")
    tried = set()
    for name, f, args, kwargs in [call for cases in CALLS.values() for call in cases]:
        for cut in (one_row, lambda x: one_row(x)[:, 0] if one_row(x).ndim == 2 else one_row(x)):
            given = each_array(cut, args)
            try:
                expected = f(*given, **kwargs)
            except (ValueError, IndexError):
                continue  # has no meaning in so few dimensions
            tried.add(name)
            turned = each_array(
                lambda x: (
                    (pd.Series if x.ndim == 1 else pd.DataFrame)(x, index=np.arange(len(x))[::-1])
                    if x.ndim < 3
                    else x
                ),
                given,
            )
            same(f(*turned, **kwargs), expected)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PendingDeprecationWarning)
                turned = each_array(lambda x: np.matrix(x) if x.ndim == 2 else x, given)
            same(f(*turned, **kwargs), expected)
    assert len(tried) > 80
    labels = pd.Series([0, 1, 2], index=[2, 1, 0])
    same(gluon.SoftmaxCELoss()(pd.DataFrame(X[0]), labels), gluon.SoftmaxCELoss()(X[0], [0, 1, 2]))
    check(
        axon.categorical_cross_entropy(labels, pd.DataFrame(X[0]), from_logits=True, sparse=True),
        ce(X[0].astype(float), onehot([0, 1, 2], 4)),
    )
