"""Evidently's distances: python -m testing.peer_distances.of_evidently FILE, in its environment."""

import math

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

from testing.peer_distances.cases import Case, Distances, answer

CLASSES, NUMBERS = ("psi", "jensenshannon", "hellinger"), ("wasserstein",)
BITS = 1 / math.sqrt(math.log(2))
"""Its Jensen-Shannon distance is in the root of nats."""


def measure(case: Case) -> Distances:
    """By our names and in our units."""
    methods = NUMBERS if case.numbers else CLASSES
    columns = ["x"]
    definition = (
        DataDefinition(numerical_columns=columns) if case.numbers else DataDefinition(categorical_columns=columns)
    )
    now, before = (Dataset.from_pandas(pd.DataFrame({"x": side}), definition) for side in (case.window, case.reference))
    found = Report([ValueDrift(column="x", method=method) for method in methods]).run(now, before).dict()["metrics"]
    values = {method: float(metric["value"]) for method, metric in zip(methods, found, strict=True)}
    if "jensenshannon" in values:
        values["js_distance"] = values.pop("jensenshannon") * BITS
    return values


if __name__ == "__main__":
    answer(measure)
