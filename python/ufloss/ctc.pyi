"""Connectionist temporal classification."""

from typing import Any, Final, Generic, Literal, TypedDict, TypeVar, Unpack, type_check_only

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["align", "class_posteriors", "feasible", "loss", "loss_from_log_probs", "posteriors"]

_R = TypeVar("_R")

@type_check_only
class _Keywords(TypedDict, total=False):
    where: ArrayLike
    axes: list[Any]
    casting: Literal["no", "equiv", "safe", "same_kind", "unsafe"]
    order: Literal["K", "A", "C", "F"]
    dtype: DTypeLike | None
    subok: bool
    signature: str | tuple[DTypeLike | None, ...]

# Whether a loss is a scalar depends on the shapes, which have no types.
@type_check_only
class _OfLogits(np.ufunc, Generic[_R]):  # type: ignore[misc]
    def __call__(
        self,
        logits: ArrayLike,
        labels: ArrayLike,
        logit_length: ArrayLike | None = None,
        label_length: ArrayLike | None = None,
        blank: ArrayLike = 0,
        out: NDArray[Any] | tuple[NDArray[Any] | None, ...] | None = None,
        **kwargs: Unpack[_Keywords],
    ) -> _R: ...

@type_check_only
class _OfLogProbs(np.ufunc, Generic[_R]):  # type: ignore[misc]
    def __call__(
        self,
        log_probs: ArrayLike,
        labels: ArrayLike,
        logit_length: ArrayLike | None = None,
        label_length: ArrayLike | None = None,
        blank: ArrayLike = 0,
        out: NDArray[Any] | tuple[NDArray[Any] | None, ...] | None = None,
        **kwargs: Unpack[_Keywords],
    ) -> _R: ...

@type_check_only
class _Loss(_OfLogits[Any]):  # type: ignore[misc]
    grad: _OfLogits[NDArray[np.floating[Any]]]
    value_and_grad: _OfLogits[tuple[Any, NDArray[np.floating[Any]]]]
    forward_probs: _OfLogits[tuple[Any, NDArray[np.floating[Any]], NDArray[np.floating[Any]]]]

@type_check_only
class _LossFromLogProbs(_OfLogProbs[Any]):  # type: ignore[misc]
    grad: _OfLogProbs[NDArray[np.floating[Any]]]
    value_and_grad: _OfLogProbs[tuple[Any, NDArray[np.floating[Any]]]]

loss: Final[_Loss]
loss_from_log_probs: Final[_LossFromLogProbs]
align: Final[_OfLogits[tuple[NDArray[np.int64], Any]]]
posteriors: Final[_OfLogits[NDArray[np.floating[Any]]]]
class_posteriors: Final[_OfLogits[NDArray[np.floating[Any]]]]

def feasible(labels: ArrayLike, logit_length: ArrayLike, label_length: ArrayLike | None = None) -> Any: ...
