"""Direct loss estimation: how wrong a regression is likely to be, from its features and predictions alone.

Trees learn from the reference how large the loss of a row is. So it sees what it costs when more rows come from where the model is
weak, and not a change of how the label follows from the features (concept drift): then the estimate stays what it was. Nor does
it see beyond the reference: trees are level there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.estimate import Estimate, bounded, none_of
from detectors.pair import FloatArray, effective_size
from detectors.without_labels import boosted_trees, loss_codes, sampling_error, thresholds
from detectors.without_labels.boosted_trees import Trees
from detectors.without_labels.loss_codes import Column
from detectors.without_labels.thresholds import Thresholds

LOSS_OF = {"mae": "absolute", "mape": "relative", "mse": "squared", "rmse": "squared"}
METRICS = tuple(LOSS_OF)
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class LossModel:
    """What says how large one kind of loss is.

    Attributes:
        codes: by feature the codes of its categories, None for numbers.
        trees: over the features and, last, the prediction.
    """

    codes: tuple[Mapping[str, float] | None, ...]
    trees: Trees

    def losses(self, features: Sequence[Column], predictions: FloatArray) -> FloatArray:
        """Return the expected loss of each row, at least 0, shape (rows,).

        >>> model = LossModel((None,), boosted_trees.fit(np.zeros((5, 2)), np.full(5, 2.0)))
        >>> model.losses([np.zeros(1)], np.zeros(1)).tolist()
        [2.0]
        """
        rows = loss_codes.as_rows([*features, predictions], [*self.codes, None])
        return np.maximum(0.0, self.trees.predict(rows))


@dataclass(frozen=True)
class Fitted:
    """What a labelled reference says of any window; plain numbers that can be stored.

    Attributes:
        models: by kind of loss: absolute, squared, and relative to the label.
        errors: by metric, the standard error that one row would have, in the metric's unit.
        thresholds: by metric, between what the reference's own chunks lie; only where chunks are given.
    """

    models: Mapping[str, LossModel]
    errors: Mapping[str, float]
    thresholds: Mapping[str, Thresholds]


def fit(
    features: Sequence[Column],
    predictions: FloatArray,
    labels: FloatArray,
    chunks: npt.NDArray[np.int64] | None = None,
) -> Fitted:
    """Return what a reference's rows and their labels say.

    The loss is learnt from the features and the prediction. Three sampling errors are 3 sd / sqrt(n), sd that of the loss over the
    reference; of rmse they are by the delta method.

    Args:
        features: arrays of numbers or lists of categories, each of shape (rows,).
        predictions, labels: shape (rows,), finite, in one unit.
        chunks: which chunk a row is of, shape (rows,): windows of the reference, as long as those to come.

    Raises:
        ValueError: without rows.

    Source: NannyML 0.13, performance_estimation/direct_loss_estimation and sampling_error/regression.py; its trees are LightGBM's.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.random(4_000)
    >>> fitted = fit([x], np.zeros(4_000), rng.normal(0.0, 1 + 3 * (x > 0.5)), chunks=np.arange(4_000) // 500)
    >>> found = estimate(fitted, [rng.random(500) / 2], np.zeros(500))  # where the model is good
    >>> 0.7 < found["mae"].value < 0.9, fitted.thresholds["mae"].broken_by(found["mae"].value)
    (True, True)
    """
    if not len(labels):
        raise ValueError("a reference needs rows with labels")
    losses = _losses(predictions, labels)
    deviations = {name: float(loss.std()) for name, loss in losses.items()}
    root = math.sqrt(float(losses["squared"].mean()))
    errors = {metric: deviations[loss] for metric, loss in LOSS_OF.items()}
    errors["rmse"] = deviations["squared"] / (2 * root) if root > 0 else 0.0
    return Fitted(
        {name: _model(features, predictions, loss) for name, loss in losses.items()},
        errors,
        {} if chunks is None else thresholds_of(predictions, labels, chunks),
    )


def thresholds_of(
    predictions: FloatArray, labels: FloatArray, chunks: npt.NDArray[np.int64], weights: FloatArray | None = None
) -> dict[str, Thresholds]:
    """Return by metric between what its values lie over chunks of a reference; the arguments are those of `fit`.

    Source: NannyML 0.13, StandardDeviationThreshold.

    >>> thresholds_of(np.zeros(4), np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))["mae"]
    Thresholds(lower=0.0, upper=5.0)
    """
    losses = _losses(predictions, labels)
    weight = np.ones(len(labels)) if weights is None else weights
    realised = [
        _metrics({name: float(np.average(loss[rows], weights=weight[rows])) for name, loss in losses.items()})
        for rows in thresholds.rows_of(chunks)
    ]
    found = {name: thresholds.of_chunks([values[name] for values in realised], high=math.inf) for name in METRICS}
    return {name: limits for name, limits in found.items() if limits is not None}


@dataclass(frozen=True)
class LossSums:
    """What rows add up to, so that a window can be taken part by part.

    Attributes:
        losses: by kind the sum of weight times expected loss.
        weight, weight2: sums of the weights and of their squares.
        rows: with a prediction that is finite.
    """

    losses: Mapping[str, float]
    weight: float
    weight2: float
    rows: int

    def merge(self, other: "LossSums") -> "LossSums":
        """Add two parts. Associative and commutative.

        >>> part = LossSums({"absolute": 2.0}, 1.0, 1.0, 1)
        >>> part.merge(part)
        LossSums(losses={'absolute': 4.0}, weight=2.0, weight2=2.0, rows=2)
        """
        losses = {name: value + other.losses[name] for name, value in self.losses.items()}
        return LossSums(losses, self.weight + other.weight, self.weight2 + other.weight2, self.rows + other.rows)


def sums(
    fitted: Fitted, features: Sequence[Column], predictions: FloatArray, weights: FloatArray | None = None
) -> LossSums:
    """Return what rows add up to; the arguments are those of `estimate`.

    >>> sums(fit([np.zeros(4)], np.zeros(4), np.full(4, 3.0)), [np.zeros(2)], np.zeros(2)).losses["absolute"]
    6.0
    """
    return add_up(expected(fitted, features, predictions), predictions, weights)


def expected(fitted: Fitted, features: Sequence[Column], predictions: FloatArray) -> dict[str, FloatArray]:
    """Return by kind what loss is expected of each row (rows,); the arguments are those of `estimate`.

    >>> expected(fit([np.zeros(4)], np.zeros(4), np.full(4, 3.0)), [np.zeros(2)], np.zeros(2))["absolute"].tolist()
    [3.0, 3.0]
    """
    return {name: model.losses(features, predictions) for name, model in fitted.models.items()}


def add_up(losses: Mapping[str, FloatArray], predictions: FloatArray, weights: FloatArray | None = None) -> LossSums:
    """Return what rows add up to by the losses expected of each; arrays have shape (rows,).

    >>> add_up({"absolute": np.array([3.0, 1.0])}, np.array([7.0, np.nan])).losses
    {'absolute': 3.0}
    """
    held = np.isfinite(predictions)
    weight = np.where(held, 1.0 if weights is None else weights, 0.0)
    found = {name: float(weight @ of) for name, of in losses.items()}
    return LossSums(found, float(weight.sum()), float(weight @ weight), int(held.sum()))


def of_sums(fitted: Fitted, found: LossSums) -> dict[str, Estimate]:
    """Return the estimates that sums come to, see `estimate`.

    >>> fitted = fit([np.zeros(4)], np.zeros(4), np.full(4, 3.0))
    >>> of_sums(fitted, sums(fitted, [np.zeros(2)], np.zeros(2)))["rmse"]
    Estimate(value=3.0, lower=3.0, upper=3.0, rows=2, basis='iid')
    """
    size = effective_size(found.weight, found.weight2)
    if not size > 0:
        return {metric: none_of(found.rows) for metric in METRICS}
    values = _metrics({name: loss / found.weight for name, loss in found.losses.items()})
    root, limits = math.sqrt(size), (0.0, math.inf)
    return {
        metric: bounded(value, fitted.errors[metric] / root, sampling_error.WIDTH, found.rows, "iid", limits)
        for metric, value in values.items()
    }


def estimate(
    fitted: Fitted, features: Sequence[Column], predictions: FloatArray, weights: FloatArray | None = None
) -> dict[str, Estimate]:
    """Return the estimate of mae, mape, mse and rmse of a window, with its interval of three sampling errors.

    Args:
        features: the reference's columns in their order, each of shape (rows,).
        predictions: shape (rows,), in the label's unit; rows whose prediction is not finite are left out.
        weights: shape (rows,).

    Source: NannyML's documentation, "Direct Loss Estimation (DLE)".

    >>> fitted = fit([["gas", "gas"] * 50], np.zeros(100), np.tile([1.0, 3.0], 50))
    >>> estimate(fitted, [["gas"] * 4], np.zeros(4))["mae"]
    Estimate(value=2.0, lower=0.5, upper=3.5, rows=4, basis='iid')
    """
    return of_sums(fitted, sums(fitted, features, predictions, weights))


def _losses(predictions: FloatArray, labels: FloatArray) -> dict[str, FloatArray]:
    gaps = np.abs(labels - predictions)
    return {"absolute": gaps, "squared": gaps**2, "relative": gaps / np.maximum(_SMALLEST, np.abs(labels))}


def _metrics(losses: Mapping[str, float]) -> dict[str, float]:
    values = {metric: losses[loss] for metric, loss in LOSS_OF.items()}
    return values | {"rmse": math.sqrt(values["mse"])}


def _model(features: Sequence[Column], predictions: FloatArray, losses: FloatArray) -> LossModel:
    coded = tuple(None if isinstance(column, np.ndarray) else loss_codes.codes(column, losses) for column in features)
    rows = loss_codes.as_rows([*features, predictions], [*coded, None])
    return LossModel(coded, boosted_trees.fit(rows, losses))
