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
    "__version__",
    "absolute_error",
    "binary_cross_entropy",
    "binary_dice_loss",
    "binary_logistic_loss",
    "binary_sparsemax_loss",
    "categorical_hinge",
    "clip_loss",
    "compat",
    "convex_kl_divergence",
    "cosine_distance",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "cross_entropy_with_integer_labels",
    "ctc",
    "ctc_loss",
    "ctc_loss_with_forward_probs",
    "dice_loss",
    "generalized_kl_divergence",
    "get_include",
    "half_gamma_deviance",
    "half_poisson_deviance",
    "half_tweedie_deviance",
    "hinge_loss",
    "huber_loss",
    "info_nce_loss",
    "kl_div",
    "kl_divergence",
    "kl_divergence_with_log_targets",
    "l2_loss",
    "list_mle_loss",
    "log_cosh",
    "log_softmax",
    "logistic_loss",
    "logsumexp",
    "make_fenchel_young_loss",
    "margin_ranking_loss",
    "multiclass_generalized_dice_loss",
    "multiclass_hinge_loss",
    "multiclass_logistic_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "nll_loss",
    "nll_loss_with_integer_labels",
    "ntxent",
    "ntxent_loss",
    "perceptron_loss",
    "pinball_loss",
    "poisson_loss",
    "poisson_nll_loss",
    "poly_loss_cross_entropy",
    "pseudo_huber_loss",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "show_config",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_l1_loss",
    "smooth_labels",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
    "softmax_focal_loss",
    "softmax_kl_divergence",
    "sparsemax_loss",
    "squared_error",
    "squared_hinge_loss",
    "squared_triplet_loss",
    "stirling_term",
    "supervised_contrastive_loss",
    "triplet_margin_loss",
    "tversky_loss",
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

@type_check_only
class _SquaredErrorUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SquaredError(_SquaredErrorUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Squared error."""
    grad: _SquaredErrorUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SquaredErrorUfunc[_Scalar2, _Array2, _Out2]
    hess: _SquaredErrorUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SquaredErrorUfunc[_Scalar2, _Array2, _Out2]
    grads: _SquaredErrorUfunc[_Scalar2, _Array2, _Out2]
    value_and_grads: _SquaredErrorUfunc[_Scalar3, _Array3, _Out3]
    hess_bound: _SquaredErrorUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SquaredErrorUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

squared_error: Final[_SquaredError]

@type_check_only
class _L2LossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _L2Loss(_L2LossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Half the squared error."""
    grad: _L2LossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _L2LossUfunc[_Scalar2, _Array2, _Out2]
    hess: _L2LossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _L2LossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _L2LossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _L2LossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

l2_loss: Final[_L2Loss]

@type_check_only
class _AbsoluteErrorUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _AbsoluteError(_AbsoluteErrorUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Absolute error."""
    grad: _AbsoluteErrorUfunc[_Scalar, _Array, _Out]
    value_and_grad: _AbsoluteErrorUfunc[_Scalar2, _Array2, _Out2]
    hess: _AbsoluteErrorUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _AbsoluteErrorUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _AbsoluteErrorUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _AbsoluteErrorUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

absolute_error: Final[_AbsoluteError]

@type_check_only
class _HuberLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0, delta: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0, delta: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _HuberLoss(_HuberLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Huber loss: quadratic for small errors, linear beyond."""
    grad: _HuberLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _HuberLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _HuberLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _HuberLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _HuberLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _HuberLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

huber_loss: Final[_HuberLoss]

@type_check_only
class _SmoothL1LossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0, rho: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0, rho: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SmoothL1Loss(_SmoothL1LossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Smooth L1 loss: the Huber loss divided by its parameter, with slope 1 far out."""
    grad: _SmoothL1LossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SmoothL1LossUfunc[_Scalar2, _Array2, _Out2]
    hess: _SmoothL1LossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SmoothL1LossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _SmoothL1LossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SmoothL1LossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

smooth_l1_loss: Final[_SmoothL1Loss]

@type_check_only
class _LogCoshUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _LogCosh(_LogCoshUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Logarithm of the hyperbolic cosine of the error."""
    grad: _LogCoshUfunc[_Scalar, _Array, _Out]
    value_and_grad: _LogCoshUfunc[_Scalar2, _Array2, _Out2]
    hess: _LogCoshUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _LogCoshUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _LogCoshUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _LogCoshUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

log_cosh: Final[_LogCosh]

@type_check_only
class _PseudoHuberLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number = 0.0, delta: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike = 0.0, delta: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _PseudoHuberLoss(_PseudoHuberLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Pseudo-Huber loss: a smooth Huber loss."""
    grad: _PseudoHuberLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _PseudoHuberLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _PseudoHuberLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _PseudoHuberLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _PseudoHuberLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _PseudoHuberLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

pseudo_huber_loss: Final[_PseudoHuberLoss]

@type_check_only
class _PinballLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number, quantile: _Number = 0.5,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, quantile: ArrayLike = 0.5,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _PinballLoss(_PinballLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Pinball loss, whose minimum is a quantile."""
    grad: _PinballLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _PinballLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _PinballLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _PinballLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _PinballLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _PinballLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

pinball_loss: Final[_PinballLoss]

@type_check_only
class _HingeLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number, margin: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, margin: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _HingeLoss(_HingeLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Hinge loss."""
    grad: _HingeLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _HingeLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _HingeLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _HingeLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _HingeLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _HingeLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

hinge_loss: Final[_HingeLoss]

@type_check_only
class _SquaredHingeLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number, margin: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, margin: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SquaredHingeLoss(_SquaredHingeLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Squared hinge loss."""
    grad: _SquaredHingeLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SquaredHingeLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _SquaredHingeLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SquaredHingeLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _SquaredHingeLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SquaredHingeLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

squared_hinge_loss: Final[_SquaredHingeLoss]

@type_check_only
class _PerceptronLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _PerceptronLoss(_PerceptronLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Perceptron loss: the hinge loss without a margin."""
    grad: _PerceptronLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _PerceptronLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _PerceptronLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _PerceptronLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _PerceptronLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _PerceptronLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

perceptron_loss: Final[_PerceptronLoss]

@type_check_only
class _LogisticLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _LogisticLoss(_LogisticLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Logistic loss of a signed label, also called soft margin loss."""
    grad: _LogisticLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _LogisticLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _LogisticLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _LogisticLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _LogisticLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _LogisticLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

logistic_loss: Final[_LogisticLoss]

@type_check_only
class _SigmoidBinaryCrossEntropyUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, logits: _Number, labels: _Number, pos_weight: _Number = 1.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, pos_weight: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SigmoidBinaryCrossEntropy(_SigmoidBinaryCrossEntropyUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Binary cross-entropy of a logit."""
    grad: _SigmoidBinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SigmoidBinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    hess: _SigmoidBinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SigmoidBinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _SigmoidBinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SigmoidBinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    grads: _SigmoidBinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    value_and_grads: _SigmoidBinaryCrossEntropyUfunc[_Scalar3, _Array3, _Out3]
    sum: _Reduction
    mean: _Reduction

sigmoid_binary_cross_entropy: Final[_SigmoidBinaryCrossEntropy]

@type_check_only
class _BinaryCrossEntropyUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, labels: _Number, pos_weight: _Number = 1.0, eps: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike, pos_weight: ArrayLike = 1.0, eps: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _BinaryCrossEntropy(_BinaryCrossEntropyUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Binary cross-entropy of a probability."""
    grad: _BinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    value_and_grad: _BinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    hess: _BinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _BinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _BinaryCrossEntropyUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _BinaryCrossEntropyUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

binary_cross_entropy: Final[_BinaryCrossEntropy]

@type_check_only
class _SparsemaxLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, logits: _Number, labels: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SparsemaxLoss(_SparsemaxLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Binary sparsemax loss, a smooth hinge."""
    grad: _SparsemaxLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SparsemaxLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _SparsemaxLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SparsemaxLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _SparsemaxLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SparsemaxLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

sparsemax_loss: Final[_SparsemaxLoss]

@type_check_only
class _SigmoidFocalLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, logits: _Number, labels: _Number, alpha: _Number = -1.0, gamma: _Number = 2.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, alpha: ArrayLike = -1.0, gamma: ArrayLike = 2.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _SigmoidFocalLoss(_SigmoidFocalLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Focal loss of a logit."""
    grad: _SigmoidFocalLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _SigmoidFocalLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _SigmoidFocalLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _SigmoidFocalLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _SigmoidFocalLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _SigmoidFocalLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

sigmoid_focal_loss: Final[_SigmoidFocalLoss]

@type_check_only
class _PoissonNllLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _PoissonNllLoss(_PoissonNllLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Poisson negative log-likelihood of a log rate."""
    grad: _PoissonNllLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _PoissonNllLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _PoissonNllLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _PoissonNllLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _PoissonNllLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _PoissonNllLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

poisson_nll_loss: Final[_PoissonNllLoss]

@type_check_only
class _PoissonLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number, eps: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, eps: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _PoissonLoss(_PoissonLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Poisson negative log-likelihood of a rate."""
    grad: _PoissonLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _PoissonLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _PoissonLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _PoissonLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _PoissonLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _PoissonLossUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

poisson_loss: Final[_PoissonLoss]

@type_check_only
class _StirlingTermUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _StirlingTerm(_StirlingTermUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Stirling's approximation of log(targets!), 0 up to 1."""
    sum: _Reduction
    mean: _Reduction

stirling_term: Final[_StirlingTerm]

@type_check_only
class _HalfPoissonDevianceUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _HalfPoissonDeviance(_HalfPoissonDevianceUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Half the Poisson deviance of a log mean."""
    grad: _HalfPoissonDevianceUfunc[_Scalar, _Array, _Out]
    value_and_grad: _HalfPoissonDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess: _HalfPoissonDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _HalfPoissonDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _HalfPoissonDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _HalfPoissonDevianceUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

half_poisson_deviance: Final[_HalfPoissonDeviance]

@type_check_only
class _HalfGammaDevianceUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _HalfGammaDeviance(_HalfGammaDevianceUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Half the gamma deviance of a log mean."""
    grad: _HalfGammaDevianceUfunc[_Scalar, _Array, _Out]
    value_and_grad: _HalfGammaDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess: _HalfGammaDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _HalfGammaDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _HalfGammaDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _HalfGammaDevianceUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

half_gamma_deviance: Final[_HalfGammaDeviance]

@type_check_only
class _HalfTweedieDevianceUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number, power: _Number = 1.5,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, power: ArrayLike = 1.5,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _HalfTweedieDeviance(_HalfTweedieDevianceUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Half the Tweedie deviance of a log mean."""
    grad: _HalfTweedieDevianceUfunc[_Scalar, _Array, _Out]
    value_and_grad: _HalfTweedieDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess: _HalfTweedieDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _HalfTweedieDevianceUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _HalfTweedieDevianceUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _HalfTweedieDevianceUfunc[_Scalar2, _Array2, _Out2]
    sum: _Reduction
    mean: _Reduction

half_tweedie_deviance: Final[_HalfTweedieDeviance]

@type_check_only
class _KlDivUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions: _Number, targets: _Number,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _KlDiv(_KlDivUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Pointwise Kullback-Leibler divergence from log-probabilities."""
    grad: _KlDivUfunc[_Scalar, _Array, _Out]
    value_and_grad: _KlDivUfunc[_Scalar2, _Array2, _Out2]
    hess: _KlDivUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _KlDivUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _KlDivUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _KlDivUfunc[_Scalar2, _Array2, _Out2]
    grads: _KlDivUfunc[_Scalar2, _Array2, _Out2]
    value_and_grads: _KlDivUfunc[_Scalar3, _Array3, _Out3]
    sum: _Reduction
    mean: _Reduction

kl_div: Final[_KlDiv]

@type_check_only
class _MarginRankingLossUfunc(np.ufunc, Generic[_S, _A, _O]):  # type: ignore[misc]
    @overload
    def __call__(
        self, predictions1: _Number, predictions2: _Number, targets: _Number, margin: _Number = 0.0,
        *, out: None = None, **kwargs: Unpack[_Keywords],
    ) -> _S: ...
    @overload
    def __call__(
        self, predictions1: ArrayLike, predictions2: ArrayLike, targets: ArrayLike, margin: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_Keywords],
    ) -> _A: ...

@type_check_only
class _MarginRankingLoss(_MarginRankingLossUfunc[_Scalar, _Array, _Out]):  # type: ignore[misc]
    """Margin ranking loss of two scores."""
    grad: _MarginRankingLossUfunc[_Scalar, _Array, _Out]
    value_and_grad: _MarginRankingLossUfunc[_Scalar2, _Array2, _Out2]
    hess: _MarginRankingLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess: _MarginRankingLossUfunc[_Scalar2, _Array2, _Out2]
    hess_bound: _MarginRankingLossUfunc[_Scalar, _Array, _Out]
    grad_and_hess_bound: _MarginRankingLossUfunc[_Scalar2, _Array2, _Out2]
    grads: _MarginRankingLossUfunc[_Scalar2, _Array2, _Out2]
    value_and_grads: _MarginRankingLossUfunc[_Scalar3, _Array3, _Out3]
    sum: _Reduction
    mean: _Reduction

margin_ranking_loss: Final[_MarginRankingLoss]

@type_check_only
class _SoftmaxFocalLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, gamma: ArrayLike = 2.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SoftmaxFocalLoss(_SoftmaxFocalLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Focal loss of an integer label: softmax cross-entropy, less of confident rows."""
    grad: _SoftmaxFocalLossUfunc[_Array, _Out]
    value_and_grad: _SoftmaxFocalLossUfunc[tuple[Any, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

softmax_focal_loss: Final[_SoftmaxFocalLoss]

@type_check_only
class _LogsumexpUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _Logsumexp(_LogsumexpUfunc[Any, _Out]):  # type: ignore[misc]
    """Logarithm of a sum of exponentials."""
    grad: _LogsumexpUfunc[_Array, _Out]
    value_and_grad: _LogsumexpUfunc[tuple[Any, _Array], _Out2]
    hess: _LogsumexpUfunc[_Array, _Out]
    grad_and_hess: _LogsumexpUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _LogsumexpUfunc[_Array, _Out]
    grad_and_hess_bound: _LogsumexpUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

logsumexp: Final[_Logsumexp]

@type_check_only
class _LogSoftmaxUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _LogSoftmax(_LogSoftmaxUfunc[_Array, _Out]):  # type: ignore[misc]
    """Logarithms of the probabilities from logits."""

log_softmax: Final[_LogSoftmax]

@type_check_only
class _SoftmaxUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _Softmax(_SoftmaxUfunc[_Array, _Out]):  # type: ignore[misc]
    """Probabilities from logits."""

softmax: Final[_Softmax]

@type_check_only
class _SoftmaxCrossEntropyUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SoftmaxCrossEntropy(_SoftmaxCrossEntropyUfunc[Any, _Out]):  # type: ignore[misc]
    """Softmax cross-entropy of a distribution over the classes."""
    grad: _SoftmaxCrossEntropyUfunc[_Array, _Out]
    value_and_grad: _SoftmaxCrossEntropyUfunc[tuple[Any, _Array], _Out2]
    hess: _SoftmaxCrossEntropyUfunc[_Array, _Out]
    grad_and_hess: _SoftmaxCrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _SoftmaxCrossEntropyUfunc[_Array, _Out]
    grad_and_hess_bound: _SoftmaxCrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    grads: _SoftmaxCrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _SoftmaxCrossEntropyUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

softmax_cross_entropy: Final[_SoftmaxCrossEntropy]

@type_check_only
class _SoftmaxCrossEntropyWithIntegerLabelsUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, label_smoothing: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SoftmaxCrossEntropyWithIntegerLabels(_SoftmaxCrossEntropyWithIntegerLabelsUfunc[Any, _Out]):  # type: ignore[misc]
    """Softmax cross-entropy of an integer label."""
    grad: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    value_and_grad: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[tuple[Any, _Array], _Out2]
    hess: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess_bound: _SoftmaxCrossEntropyWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

softmax_cross_entropy_with_integer_labels: Final[_SoftmaxCrossEntropyWithIntegerLabels]

@type_check_only
class _PolyLossCrossEntropyUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, epsilon: ArrayLike = 2.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _PolyLossCrossEntropy(_PolyLossCrossEntropyUfunc[Any, _Out]):  # type: ignore[misc]
    """Softmax cross-entropy with a linear term: PolyLoss-1."""
    grad: _PolyLossCrossEntropyUfunc[_Array, _Out]
    value_and_grad: _PolyLossCrossEntropyUfunc[tuple[Any, _Array], _Out2]
    hess: _PolyLossCrossEntropyUfunc[_Array, _Out]
    grad_and_hess: _PolyLossCrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _PolyLossCrossEntropyUfunc[_Array, _Out]
    grad_and_hess_bound: _PolyLossCrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

poly_loss_cross_entropy: Final[_PolyLossCrossEntropy]

@type_check_only
class _SoftmaxKlDivergenceUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SoftmaxKlDivergence(_SoftmaxKlDivergenceUfunc[Any, _Out]):  # type: ignore[misc]
    """Kullback-Leibler divergence of the softmax of logits from target probabilities."""
    grad: _SoftmaxKlDivergenceUfunc[_Array, _Out]
    value_and_grad: _SoftmaxKlDivergenceUfunc[tuple[Any, _Array], _Out2]
    hess: _SoftmaxKlDivergenceUfunc[_Array, _Out]
    grad_and_hess: _SoftmaxKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _SoftmaxKlDivergenceUfunc[_Array, _Out]
    grad_and_hess_bound: _SoftmaxKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    grads: _SoftmaxKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _SoftmaxKlDivergenceUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

softmax_kl_divergence: Final[_SoftmaxKlDivergence]

@type_check_only
class _KlDivergenceUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _KlDivergence(_KlDivergenceUfunc[Any, _Out]):  # type: ignore[misc]
    """Kullback-Leibler divergence of log-probabilities from target probabilities."""
    grad: _KlDivergenceUfunc[_Array, _Out]
    value_and_grad: _KlDivergenceUfunc[tuple[Any, _Array], _Out2]
    hess: _KlDivergenceUfunc[_Array, _Out]
    grad_and_hess: _KlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _KlDivergenceUfunc[_Array, _Out]
    grad_and_hess_bound: _KlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    grads: _KlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _KlDivergenceUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

kl_divergence: Final[_KlDivergence]

@type_check_only
class _KlDivergenceWithLogTargetsUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, log_targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _KlDivergenceWithLogTargets(_KlDivergenceWithLogTargetsUfunc[Any, _Out]):  # type: ignore[misc]
    """Kullback-Leibler divergence between log-probabilities."""
    grad: _KlDivergenceWithLogTargetsUfunc[_Array, _Out]
    value_and_grad: _KlDivergenceWithLogTargetsUfunc[tuple[Any, _Array], _Out2]
    hess: _KlDivergenceWithLogTargetsUfunc[_Array, _Out]
    grad_and_hess: _KlDivergenceWithLogTargetsUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _KlDivergenceWithLogTargetsUfunc[_Array, _Out]
    grad_and_hess_bound: _KlDivergenceWithLogTargetsUfunc[tuple[_Array, _Array], _Out2]
    grads: _KlDivergenceWithLogTargetsUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _KlDivergenceWithLogTargetsUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

kl_divergence_with_log_targets: Final[_KlDivergenceWithLogTargets]

@type_check_only
class _GeneralizedKlDivergenceUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _GeneralizedKlDivergence(_GeneralizedKlDivergenceUfunc[Any, _Out]):  # type: ignore[misc]
    """Generalised Kullback-Leibler divergence, for measures that need not sum to 1."""
    grad: _GeneralizedKlDivergenceUfunc[_Array, _Out]
    value_and_grad: _GeneralizedKlDivergenceUfunc[tuple[Any, _Array], _Out2]
    hess: _GeneralizedKlDivergenceUfunc[_Array, _Out]
    grad_and_hess: _GeneralizedKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _GeneralizedKlDivergenceUfunc[_Array, _Out]
    grad_and_hess_bound: _GeneralizedKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    grads: _GeneralizedKlDivergenceUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _GeneralizedKlDivergenceUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

generalized_kl_divergence: Final[_GeneralizedKlDivergence]

@type_check_only
class _CrossEntropyUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CrossEntropy(_CrossEntropyUfunc[Any, _Out]):  # type: ignore[misc]
    """Cross-entropy of probabilities."""
    grad: _CrossEntropyUfunc[_Array, _Out]
    value_and_grad: _CrossEntropyUfunc[tuple[Any, _Array], _Out2]
    hess: _CrossEntropyUfunc[_Array, _Out]
    grad_and_hess: _CrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CrossEntropyUfunc[_Array, _Out]
    grad_and_hess_bound: _CrossEntropyUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

cross_entropy: Final[_CrossEntropy]

@type_check_only
class _CrossEntropyWithIntegerLabelsUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CrossEntropyWithIntegerLabels(_CrossEntropyWithIntegerLabelsUfunc[Any, _Out]):  # type: ignore[misc]
    """Cross-entropy of probabilities and an integer label."""
    grad: _CrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    value_and_grad: _CrossEntropyWithIntegerLabelsUfunc[tuple[Any, _Array], _Out2]
    hess: _CrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess: _CrossEntropyWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CrossEntropyWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess_bound: _CrossEntropyWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

cross_entropy_with_integer_labels: Final[_CrossEntropyWithIntegerLabels]

@type_check_only
class _NllLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _NllLoss(_NllLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Negative log-likelihood from log-probabilities."""
    grad: _NllLossUfunc[_Array, _Out]
    value_and_grad: _NllLossUfunc[tuple[Any, _Array], _Out2]
    hess: _NllLossUfunc[_Array, _Out]
    grad_and_hess: _NllLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _NllLossUfunc[_Array, _Out]
    grad_and_hess_bound: _NllLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

nll_loss: Final[_NllLoss]

@type_check_only
class _NllLossWithIntegerLabelsUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _NllLossWithIntegerLabels(_NllLossWithIntegerLabelsUfunc[Any, _Out]):  # type: ignore[misc]
    """Negative log-likelihood from log-probabilities and an integer label."""
    grad: _NllLossWithIntegerLabelsUfunc[_Array, _Out]
    value_and_grad: _NllLossWithIntegerLabelsUfunc[tuple[Any, _Array], _Out2]
    hess: _NllLossWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess: _NllLossWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _NllLossWithIntegerLabelsUfunc[_Array, _Out]
    grad_and_hess_bound: _NllLossWithIntegerLabelsUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

nll_loss_with_integer_labels: Final[_NllLossWithIntegerLabels]

@type_check_only
class _MulticlassHingeLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, scores: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _MulticlassHingeLoss(_MulticlassHingeLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Multiclass hinge loss (Crammer and Singer)."""
    grad: _MulticlassHingeLossUfunc[_Array, _Out]
    value_and_grad: _MulticlassHingeLossUfunc[tuple[Any, _Array], _Out2]
    hess: _MulticlassHingeLossUfunc[_Array, _Out]
    grad_and_hess: _MulticlassHingeLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _MulticlassHingeLossUfunc[_Array, _Out]
    grad_and_hess_bound: _MulticlassHingeLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

multiclass_hinge_loss: Final[_MulticlassHingeLoss]

@type_check_only
class _MulticlassPerceptronLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, scores: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _MulticlassPerceptronLoss(_MulticlassPerceptronLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Multiclass perceptron loss."""
    grad: _MulticlassPerceptronLossUfunc[_Array, _Out]
    value_and_grad: _MulticlassPerceptronLossUfunc[tuple[Any, _Array], _Out2]
    hess: _MulticlassPerceptronLossUfunc[_Array, _Out]
    grad_and_hess: _MulticlassPerceptronLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _MulticlassPerceptronLossUfunc[_Array, _Out]
    grad_and_hess_bound: _MulticlassPerceptronLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

multiclass_perceptron_loss: Final[_MulticlassPerceptronLoss]

@type_check_only
class _CategoricalHingeUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CategoricalHinge(_CategoricalHingeUfunc[Any, _Out]):  # type: ignore[misc]
    """Categorical hinge loss of one-hot labels."""
    grad: _CategoricalHingeUfunc[_Array, _Out]
    value_and_grad: _CategoricalHingeUfunc[tuple[Any, _Array], _Out2]
    hess: _CategoricalHingeUfunc[_Array, _Out]
    grad_and_hess: _CategoricalHingeUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CategoricalHingeUfunc[_Array, _Out]
    grad_and_hess_bound: _CategoricalHingeUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

categorical_hinge: Final[_CategoricalHinge]

@type_check_only
class _MulticlassSparsemaxLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, scores: ArrayLike, labels: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _MulticlassSparsemaxLoss(_MulticlassSparsemaxLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Sparsemax loss of an integer label."""
    grad: _MulticlassSparsemaxLossUfunc[_Array, _Out]
    value_and_grad: _MulticlassSparsemaxLossUfunc[tuple[Any, _Array], _Out2]
    hess: _MulticlassSparsemaxLossUfunc[_Array, _Out]
    grad_and_hess: _MulticlassSparsemaxLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _MulticlassSparsemaxLossUfunc[_Array, _Out]
    grad_and_hess_bound: _MulticlassSparsemaxLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

multiclass_sparsemax_loss: Final[_MulticlassSparsemaxLoss]

@type_check_only
class _SmoothLabelsUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, labels: ArrayLike, alpha: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SmoothLabels(_SmoothLabelsUfunc[_Array, _Out]):  # type: ignore[misc]
    """Labels mixed with the uniform distribution."""

smooth_labels: Final[_SmoothLabels]

@type_check_only
class _RankingSoftmaxLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, logits: ArrayLike, labels: ArrayLike, weights: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _RankingSoftmaxLoss(_RankingSoftmaxLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Softmax ranking loss of a list (ListNet)."""
    grad: _RankingSoftmaxLossUfunc[_Array, _Out]
    value_and_grad: _RankingSoftmaxLossUfunc[tuple[Any, _Array], _Out2]
    hess: _RankingSoftmaxLossUfunc[_Array, _Out]
    grad_and_hess: _RankingSoftmaxLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _RankingSoftmaxLossUfunc[_Array, _Out]
    grad_and_hess_bound: _RankingSoftmaxLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

ranking_softmax_loss: Final[_RankingSoftmaxLoss]

@type_check_only
class _ListMleLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, scores: ArrayLike, relevances: ArrayLike,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _ListMleLoss(_ListMleLossUfunc[Any, _Out]):  # type: ignore[misc]
    """ListMLE: how unlikely scores make the order of the relevances (Plackett-Luce)."""
    grad: _ListMleLossUfunc[_Array, _Out]
    value_and_grad: _ListMleLossUfunc[tuple[Any, _Array], _Out2]
    hess: _ListMleLossUfunc[_Array, _Out]
    grad_and_hess: _ListMleLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _ListMleLossUfunc[_Array, _Out]
    grad_and_hess_bound: _ListMleLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

list_mle_loss: Final[_ListMleLoss]

@type_check_only
class _CosineSimilarityUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, epsilon: ArrayLike = 0.0, eps_product: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CosineSimilarity(_CosineSimilarityUfunc[Any, _Out]):  # type: ignore[misc]
    """Cosine of the angle between two vectors."""
    grad: _CosineSimilarityUfunc[_Array, _Out]
    value_and_grad: _CosineSimilarityUfunc[tuple[Any, _Array], _Out2]
    hess: _CosineSimilarityUfunc[_Array, _Out]
    grad_and_hess: _CosineSimilarityUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CosineSimilarityUfunc[_Array, _Out]
    grad_and_hess_bound: _CosineSimilarityUfunc[tuple[_Array, _Array], _Out2]
    grads: _CosineSimilarityUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _CosineSimilarityUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

cosine_similarity: Final[_CosineSimilarity]

@type_check_only
class _CosineDistanceUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, epsilon: ArrayLike = 0.0, eps_product: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CosineDistance(_CosineDistanceUfunc[Any, _Out]):  # type: ignore[misc]
    """1 minus the cosine of the angle between two vectors."""
    grad: _CosineDistanceUfunc[_Array, _Out]
    value_and_grad: _CosineDistanceUfunc[tuple[Any, _Array], _Out2]
    hess: _CosineDistanceUfunc[_Array, _Out]
    grad_and_hess: _CosineDistanceUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CosineDistanceUfunc[_Array, _Out]
    grad_and_hess_bound: _CosineDistanceUfunc[tuple[_Array, _Array], _Out2]
    grads: _CosineDistanceUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _CosineDistanceUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

cosine_distance: Final[_CosineDistance]

@type_check_only
class _CosineEmbeddingLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, labels: ArrayLike, margin: ArrayLike = 0.0, eps_product: ArrayLike = 0.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _CosineEmbeddingLoss(_CosineEmbeddingLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Cosine embedding loss: the distance of pairs, or how much nearer than a margin they are."""
    grad: _CosineEmbeddingLossUfunc[_Array, _Out]
    value_and_grad: _CosineEmbeddingLossUfunc[tuple[Any, _Array], _Out2]
    hess: _CosineEmbeddingLossUfunc[_Array, _Out]
    grad_and_hess: _CosineEmbeddingLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _CosineEmbeddingLossUfunc[_Array, _Out]
    grad_and_hess_bound: _CosineEmbeddingLossUfunc[tuple[_Array, _Array], _Out2]
    grads: _CosineEmbeddingLossUfunc[tuple[_Array, _Array], _Out2]
    value_and_grads: _CosineEmbeddingLossUfunc[tuple[Any, _Array, _Array], _Out3]
    sum: _Reduction
    mean: _Reduction

cosine_embedding_loss: Final[_CosineEmbeddingLoss]

@type_check_only
class _TripletMarginLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, anchors: ArrayLike, positives: ArrayLike, negatives: ArrayLike, margin: ArrayLike = 1.0, norm_degree: ArrayLike = 2.0, eps: ArrayLike = 1e-06,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _TripletMarginLoss(_TripletMarginLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Triplet margin loss of an anchor, a positive and a negative."""
    grad: _TripletMarginLossUfunc[_Array, _Out]
    value_and_grad: _TripletMarginLossUfunc[tuple[Any, _Array], _Out2]
    hess: _TripletMarginLossUfunc[_Array, _Out]
    grad_and_hess: _TripletMarginLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _TripletMarginLossUfunc[_Array, _Out]
    grad_and_hess_bound: _TripletMarginLossUfunc[tuple[_Array, _Array], _Out2]
    grads: _TripletMarginLossUfunc[tuple[_Array, _Array, _Array], _Out3]
    value_and_grads: _TripletMarginLossUfunc[tuple[Any, _Array, _Array, _Array], _Out4]
    sum: _Reduction
    mean: _Reduction

triplet_margin_loss: Final[_TripletMarginLoss]

@type_check_only
class _SquaredTripletLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, anchors: ArrayLike, positives: ArrayLike, negatives: ArrayLike, margin: ArrayLike = 1.0,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _SquaredTripletLoss(_SquaredTripletLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Triplet loss of squared distances."""
    grad: _SquaredTripletLossUfunc[_Array, _Out]
    value_and_grad: _SquaredTripletLossUfunc[tuple[Any, _Array], _Out2]
    hess: _SquaredTripletLossUfunc[_Array, _Out]
    grad_and_hess: _SquaredTripletLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _SquaredTripletLossUfunc[_Array, _Out]
    grad_and_hess_bound: _SquaredTripletLossUfunc[tuple[_Array, _Array], _Out2]
    grads: _SquaredTripletLossUfunc[tuple[_Array, _Array, _Array], _Out3]
    value_and_grads: _SquaredTripletLossUfunc[tuple[Any, _Array, _Array, _Array], _Out4]
    sum: _Reduction
    mean: _Reduction

squared_triplet_loss: Final[_SquaredTripletLoss]

@type_check_only
class _TverskyLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, predictions: ArrayLike, targets: ArrayLike, smooth: ArrayLike = 1.0, alpha: ArrayLike = 0.5, beta: ArrayLike = 0.5,
        *, out: _O | None = None, **kwargs: Unpack[_RowKeywords],
    ) -> _A: ...

@type_check_only
class _TverskyLoss(_TverskyLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Tversky loss of a region; with alpha = beta = 1/2 the dice loss."""
    grad: _TverskyLossUfunc[_Array, _Out]
    value_and_grad: _TverskyLossUfunc[tuple[Any, _Array], _Out2]
    hess: _TverskyLossUfunc[_Array, _Out]
    grad_and_hess: _TverskyLossUfunc[tuple[_Array, _Array], _Out2]
    hess_bound: _TverskyLossUfunc[_Array, _Out]
    grad_and_hess_bound: _TverskyLossUfunc[tuple[_Array, _Array], _Out2]
    sum: _Reduction
    mean: _Reduction

tversky_loss: Final[_TverskyLoss]

@type_check_only
class _NtxentLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, embeddings: ArrayLike, labels: ArrayLike, temperature: ArrayLike = 0.07,
        *, out: _O | None = None, **kwargs: Unpack[_BatchKeywords],
    ) -> _A: ...

@type_check_only
class _NtxentLoss(_NtxentLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Normalised temperature-scaled cross-entropy (NT-Xent): each pair that belongs together against all vectors of other labels."""
    grad: _NtxentLossUfunc[_Array, _Out]
    value_and_grad: _NtxentLossUfunc[tuple[Any, _Array], _Out2]

ntxent_loss: Final[_NtxentLoss]

@type_check_only
class _SupervisedContrastiveLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, embeddings: ArrayLike, labels: ArrayLike, temperature: ArrayLike = 0.07,
        *, out: _O | None = None, **kwargs: Unpack[_BatchKeywords],
    ) -> _A: ...

@type_check_only
class _SupervisedContrastiveLoss(_SupervisedContrastiveLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Supervised contrastive loss: each pair that belongs together against all other vectors."""
    grad: _SupervisedContrastiveLossUfunc[_Array, _Out]
    value_and_grad: _SupervisedContrastiveLossUfunc[tuple[Any, _Array], _Out2]

supervised_contrastive_loss: Final[_SupervisedContrastiveLoss]

@type_check_only
class _InfoNceLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, queries: ArrayLike, keys: ArrayLike, temperature: ArrayLike = 0.07,
        *, out: _O | None = None, **kwargs: Unpack[_BatchKeywords],
    ) -> _A: ...

@type_check_only
class _InfoNceLoss(_InfoNceLossUfunc[Any, _Out]):  # type: ignore[misc]
    """InfoNCE: each query against its key among the keys of the whole batch."""
    grad: _InfoNceLossUfunc[_Array, _Out]
    value_and_grad: _InfoNceLossUfunc[tuple[Any, _Array], _Out2]
    grads: _InfoNceLossUfunc[tuple[_Array, _Array, Any], _Out3]
    value_and_grads: _InfoNceLossUfunc[tuple[Any, _Array, _Array, Any], _Out4]

info_nce_loss: Final[_InfoNceLoss]

@type_check_only
class _ClipLossUfunc(np.ufunc, Generic[_A, _O]):  # type: ignore[misc]
    def __call__(
        self, queries: ArrayLike, keys: ArrayLike, temperature: ArrayLike = 0.07,
        *, out: _O | None = None, **kwargs: Unpack[_BatchKeywords],
    ) -> _A: ...

@type_check_only
class _ClipLoss(_ClipLossUfunc[Any, _Out]):  # type: ignore[misc]
    """Symmetric InfoNCE, the loss of CLIP: each query against all keys and each key against all queries."""
    grad: _ClipLossUfunc[_Array, _Out]
    value_and_grad: _ClipLossUfunc[tuple[Any, _Array], _Out2]
    grads: _ClipLossUfunc[tuple[_Array, _Array, Any], _Out3]
    value_and_grads: _ClipLossUfunc[tuple[Any, _Array, _Array, Any], _Out4]

clip_loss: Final[_ClipLoss]

safe_softmax_cross_entropy = softmax_cross_entropy
convex_kl_divergence = generalized_kl_divergence
multiclass_logistic_loss = softmax_cross_entropy_with_integer_labels
binary_logistic_loss = sigmoid_binary_cross_entropy
binary_sparsemax_loss = sparsemax_loss
ntxent = ntxent_loss
