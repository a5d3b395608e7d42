"""NannyML's own data sets, and what is estimated of each. Standard library only: its environment imports it too."""

from typing import NamedTuple

BINARY = ("accuracy", "precision", "recall", "specificity", "f1", "roc_auc", "average_precision")
CLASSES = BINARY
WORTH = {"true_negative": 0.5, "false_positive": -1.0, "false_negative": -7.0, "true_positive": 4.0}
"""Of a row of each outcome, in the order of a confusion matrix: what is asked of two classes besides."""
REGRESSION = ("mae", "mape", "mse", "rmse")


class DataSet(NamedTuple):
    """Rows of a model, as NannyML ships them.

    Attributes:
        task: binary, multiclass or regression.
        reference, analysis: the files, in nannyml/datasets/data.
        label, prediction: names of columns.
        scores: of classification, the score's column by class; of two classes, that of the class 1.
        features: of regression, by name.
        chunk: rows a chunk.
    """

    task: str
    reference: str
    analysis: str
    label: str
    prediction: str
    scores: dict[str, str]
    features: tuple[str, ...]
    chunk: int

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is estimated of it, by the same names here and there."""
        return {"binary": BINARY, "multiclass": CLASSES, "regression": REGRESSION}[self.task]


def _binary(files: str, label: str, chunk: int, suffix: str = "csv") -> DataSet:
    names = (f"{files}_reference.{suffix}", f"{files}_analysis.{suffix}")
    if suffix == "csv":
        return DataSet("binary", *names, label, "y_pred", {"1": "y_pred_proba"}, (), chunk)
    return DataSet("binary", *names, label, "prediction", {"1": "predicted_probability"}, (), chunk)


CARDS = {name: f"y_pred_proba_{name}" for name in ("highstreet_card", "prepaid_card", "upmarket_card")}
CAR = ("car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission")

SETS = {
    "car loan": _binary("synthetic_car_loan", "repaid", 5_000),
    "work from home": _binary("synthetic_sample", "work_home_actual", 5_000),
    "california housing": _binary("california_housing", "clf_target", 700),
    "employment": _binary("employment_MA", "employed", 20_000, "pq"),
    "credit cards": DataSet(
        "multiclass", "mc_reference.csv", "mc_analysis.csv", "y_true", "y_pred", CARDS, (), 6_000
    ),
    "car price": DataSet(
        "regression", "regression_synthetic_reference.csv", "regression_synthetic_analysis.csv",
        "y_true", "y_pred", {}, CAR, 6_000,
    ),
}  # fmt: skip
