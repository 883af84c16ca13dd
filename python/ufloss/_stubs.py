"""The package's typing stub, written from the registry: `python -m ufloss._stubs >
python/ufloss/__init__.pyi`.
"""

import numpy as np

import ufloss

from ._registry import ALIASES, ALL, UFUNCS

HEAD = '''\
"""Loss functions as NumPy ufuncs, with their derivatives."""
# Written by `python -m ufloss._stubs` from the registry: edit neither a name nor a default here.
from collections.abc import Callable
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
    type_check_only,
)

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ufloss import compat as compat
from ufloss import ctc as ctc

__all__ = [
{all}
]

__version__: Final[str]

def get_include() -> str: ...
@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...

# A call with numbers alone gives a scalar, any other an array; one, two or three of them.
_Number: TypeAlias = float | np.floating[Any] | np.integer[Any] | np.bool_
_Scalar: TypeAlias = np.floating[Any]
_Scalar2: TypeAlias = tuple[_Scalar, _Scalar]
_Scalar3: TypeAlias = tuple[_Scalar, _Scalar, _Scalar]
_Array: TypeAlias = NDArray[np.floating[Any]]
_Array2: TypeAlias = tuple[_Array, _Array]
_Array3: TypeAlias = tuple[_Array, _Array, _Array]
_Room: TypeAlias = NDArray[Any] | None
_Out: TypeAlias = NDArray[Any] | tuple[_Room]
_Out2: TypeAlias = tuple[_Room, _Room]
_Out3: TypeAlias = tuple[_Room, _Room, _Room]
_Out4: TypeAlias = tuple[_Room, _Room, _Room, _Room]
_S = TypeVar("_S")
_A = TypeVar("_A")
_O = TypeVar("_O")

@type_check_only
class _Keywords(TypedDict, total=False):
    where: ArrayLike
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    dtype: DTypeLike | None
    subok: bool
    signature: str | tuple[DTypeLike | None, ...]

@type_check_only
class _RowKeywords(TypedDict, total=False):
    axis: int | tuple[int, ...] | None
    axes: list[Any]
    where: ArrayLike
    keepdims: bool
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    dtype: DTypeLike | None
    subok: bool
    signature: str | tuple[DTypeLike | None, ...]

# `sum` and `mean` of a loss take its arguments; how many results there are depends on `returned`, and their
# shapes on the axes.
@type_check_only
class _Reduced:
    def __call__(self, *args: ArrayLike, **kwargs: Any) -> Any: ...

@type_check_only
class _Reduction(_Reduced):
    value_and_grad: _Reduced

@type_check_only
class _BatchKeywords(TypedDict, total=False):
    where: ArrayLike
    axes: list[Any]
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    dtype: DTypeLike | None
    subok: bool
    signature: str | tuple[DTypeLike | None, ...]

@type_check_only
class _Dice(Generic[_A]):
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, *, class_weights: ArrayLike | None = None,
        smooth: ArrayLike = 1.0,
        alpha: ArrayLike = 0.5, beta: ArrayLike = 0.5, apply_softmax: bool = True,
        reduction: Literal["mean", "sum", "none"] = "mean",
        ignore_background: bool = False, axis: int | tuple[int, ...] | None = None,
        where: ArrayLike | None = None,
    ) -> _A: ...

@type_check_only
class _BinaryDice(Generic[_A]):
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, *, smooth: ArrayLike = 1.0,
        apply_sigmoid: bool = True,
        where: ArrayLike | None = None,
    ) -> _A: ...

@type_check_only
class _GeneralizedDice(Generic[_A]):
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, *, smooth: ArrayLike = 1.0,
        apply_softmax: bool = True,
        ignore_background: bool = False,
    ) -> _A: ...

@type_check_only
class _DiceLoss(_Dice[_Array]):
    grad: _Dice[_Array]
    value_and_grad: _Dice[_Array2]

@type_check_only
class _BinaryDiceLoss(_BinaryDice[_Array]):
    grad: _BinaryDice[_Array]
    value_and_grad: _BinaryDice[_Array2]

@type_check_only
class _GeneralizedDiceLoss(_GeneralizedDice[_Scalar]):
    grad: _GeneralizedDice[_Array]
    value_and_grad: _GeneralizedDice[tuple[_Scalar, _Array]]

@type_check_only
class _WithPaddings(Generic[_A]):
    def __call__(
        self, logits: ArrayLike, logit_paddings: ArrayLike, labels: ArrayLike, label_paddings: ArrayLike,
        blank_id: ArrayLike = 0,
    ) -> _A: ...

@type_check_only
class _CtcLoss(_WithPaddings[Any]):
    grad: _WithPaddings[_Array]
    value_and_grad: _WithPaddings[tuple[Any, _Array]]

ctc_loss: Final[_CtcLoss]
ctc_loss_with_forward_probs: Final[_WithPaddings[tuple[Any, _Array, _Array]]]
dice_loss: Final[_DiceLoss]
binary_dice_loss: Final[_BinaryDiceLoss]
multiclass_generalized_dice_loss: Final[_GeneralizedDiceLoss]

# `grad` and `value_and_grad` are there where max_fun has a gradient, which types do not say.
def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Any: ...
'''

# Whether the value of a row or batch loss is a scalar depends on the shapes, which have no types.
ROW_LOSS = '''
@type_check_only
class _{title}Ufunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, {arrays},
        *, out: _O | None = None, **kwargs: Unpack[{keywords}],
    ) -> _A: ...

@type_check_only
class _{title}({value}):  # type: ignore[misc]
    """{summary}"""
{attributes}
{name}: Final[_{title}]
'''

LOSS = '''
@type_check_only
class _{title}Ufunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, {numbers},
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, {arrays},
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _{title}({value}):  # type: ignore[misc]
    """{summary}"""
{attributes}
{name}: Final[_{title}]
'''


def arguments(loss, kind):
    return ", ".join(
        f"{a['name']}: {kind}" + ("" if a["default"] is None else f" = {a['default']!r}")
        for a in loss["args"]
    )


def ufunc_type(title, ufunc):
    n = "" if ufunc.nout == 1 else ufunc.nout
    return f"_{title}Ufunc[_Scalar{n}, _Array{n}, _Out{n}]"


def row_type(title, ufunc):
    results = [
        "Any" if output == "()" else "_Array"
        for output in ufunc.signature.split("->")[1].replace("),", ") ").split()
    ]
    result = results[0] if len(results) == 1 else f"tuple[{', '.join(results)}]"
    return f"_{title}Ufunc[{result}, _Out{'' if ufunc.nout == 1 else ufunc.nout}]"


def declare(loss):
    """A loss: the class of its calls, the class with its derivatives, and itself."""
    value, title = UFUNCS[loss["name"]], loss["name"].title().replace("_", "")
    derivatives = {name: ufunc for name, ufunc in vars(value).items() if isinstance(ufunc, np.ufunc)}
    shape, kind = (LOSS, ufunc_type) if loss["dims"] == "" else (ROW_LOSS, row_type)
    return shape.format(
        title=title,
        name=loss["name"],
        summary=loss["summary"],
        keywords={"n": "_RowKeywords", "b,d": "_BatchKeywords"}.get(loss["dims"]),
        numbers=arguments(loss, "_Number"),
        arrays=arguments(loss, "ArrayLike"),
        value=kind(title, value),
        attributes="".join(f"    {name}: {kind(title, ufunc)}\n" for name, ufunc in derivatives.items())
        + "".join(f"    {name}: _Reduction\n" for name in ("sum", "mean") if hasattr(value, name)),
    )


def stub():
    """The text of `__init__.pyi`."""
    names = "\n".join(f'    "{name}",' for name in ufloss.__all__)
    return (
        HEAD.replace("{all}", names)
        + "".join(map(declare, ALL))
        + "\n"
        + "".join(f"{alias} = {name}\n" for alias, name in ALIASES.items())
    )


if __name__ == "__main__":
    print(stub(), end="")
