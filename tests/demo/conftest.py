"""The demo's flights and models, made once, and what is true of them: computed by numpy, scipy and scikit-learn alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from service.demo.flights import FEATURES, Flights, load_flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.training import train_models

DECILES = 10
FLOOR = 1e-4


@dataclass(frozen=True)
class WindowTruth:
    """What is true of the flights of one window, against January.

    psi, js_distance and missing_share are by column: a feature's name, "prediction" or "score.late". The performance is
    of the flights with a label, with "late" as the positive class.
    """

    rows: int
    labels: int
    psi: dict[str, float]
    js_distance: dict[str, float]
    missing_share: dict[str, float]
    accuracy: float
    roc_auc: float
    precision: float
    recall: float
    f1: float
    log_loss: float


@pytest.fixture(scope="session")
def flights() -> Flights:
    """All flights of 2013."""
    return load_flights()


@pytest.fixture(scope="session")
def demo_paths(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    """A data folder with both models in it."""
    paths = DemoPaths(tmp_path_factory.mktemp("demo"))
    train_models(flights, paths)
    return paths


@pytest.fixture(scope="session")
def truth(flights: Flights, demo_paths: DemoPaths) -> Callable[[datetime, datetime], WindowTruth]:
    """Tells what is true of the window [start, end), with the champion's predictions."""
    scored = with_predictions(flights.frame, OnnxModel(demo_paths.champion))
    january = Flights(scored).months(1, 1).frame

    def of_window(start: datetime, end: datetime) -> WindowTruth:
        return window_truth(Flights(scored).between(start, end).frame, january)

    return of_window


@pytest.fixture(name="deciles")
def deciles_fixture() -> Callable[..., dict[str, int]]:
    return deciles


@pytest.fixture(name="bin_shares")
def bin_shares_fixture() -> Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return bin_shares


def with_predictions(frame: pl.DataFrame, model: OnnxModel) -> pl.DataFrame:
    scored = model.score(frame.select(FEATURES).to_dict(as_series=False))
    late = scored.probabilities[:, model.classes.index("late")].astype("f8")
    return frame.with_columns(pl.Series("prediction", scored.labels), pl.Series("score.late", late))


def window_truth(window: pl.DataFrame, reference: pl.DataFrame) -> WindowTruth:
    columns = (*FEATURES, "prediction", "score.late")
    shares = {name: bin_shares(window[name], reference[name]) for name in columns}
    labelled = window.filter(pl.col("label").is_not_null())
    late, said = (labelled["label"] == "late").to_numpy(), (labelled["prediction"] == "late").to_numpy()
    score = labelled["score.late"].to_numpy()
    return WindowTruth(
        rows=window.height,
        labels=labelled.height,
        psi={name: psi(*pair) for name, pair in shares.items()},
        js_distance={name: float(jensenshannon(*pair, base=2)) for name, pair in shares.items()},
        missing_share={name: window[name].null_count() / window.height for name in columns},
        accuracy=float(metrics.accuracy_score(late, said)),
        roc_auc=float(metrics.roc_auc_score(late, score)),
        precision=float(metrics.precision_score(late, said, zero_division=0)),
        recall=float(metrics.recall_score(late, said, zero_division=0)),
        f1=float(metrics.f1_score(late, said, zero_division=0)),
        log_loss=float(metrics.log_loss(late, score)),
    )


def bin_shares(window: pl.Series, reference: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of the non-missing values of both sides in each bin that is not empty on both."""
    pair = (window.drop_nulls().to_numpy(), reference.drop_nulls().to_numpy())
    bins = [categories(side) if window.dtype == pl.String else deciles(side, pair[1]) for side in pair]
    names = sorted(set(bins[0]) | set(bins[1]))
    return tuple(np.array([side.get(name, 0) for name in names]) / sum(side.values()) for side in bins)


def categories(values: NDArray[np.object_]) -> dict[str, int]:
    return dict(zip(*np.unique(values.astype(str), return_counts=True), strict=True))


def deciles(values: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, int]:
    """Rows by decile of the reference without its heavy values (a tenth of it or more each), which are their own bins.

    A value belongs to the decile that the middle of its rank falls in, so that ties across an edge stay together; for
    values without ties these are the deciles of numpy.quantile.
    """
    distinct, counts = np.unique(reference, return_counts=True)
    heavy = distinct[counts * DECILES >= len(reference)]
    rest = np.sort(reference[~np.isin(reference, heavy)])
    is_heavy = np.isin(values, heavy)
    light = values[~is_heavy]
    middle = (np.searchsorted(rest, light, "left") + np.searchsorted(rest, light, "right")) / 2
    decile = np.minimum(middle * DECILES // max(len(rest), 1), DECILES - 1)
    bins = np.concatenate(
        [np.char.add("decile ", decile.astype(str)), np.char.add("value ", values[is_heavy].astype(str))]
    )
    return dict(zip(*np.unique(bins, return_counts=True), strict=True))


def psi(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    return float(np.sum((p - q) * np.log(p / q)))
