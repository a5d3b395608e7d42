"""NannyML's distances: python -m testing.peer_distances.of_nannyml FILE, in its environment."""

import pandas as pd
from nannyml import UnivariateDriftCalculator

from testing.peer_distances.cases import Case, Distances, answer

CLASSES = {"jensen_shannon": "js_distance", "chi2": "chi2", "l_infinity": "linf", "hellinger": "hellinger"}
NUMBERS = {"kolmogorov_smirnov": "ks", "wasserstein": "wasserstein"}


def measure(case: Case) -> Distances:
    """By our names; its Wasserstein distance is in the column's own unit."""
    names = NUMBERS if case.numbers else CLASSES
    methods = {"continuous_methods" if case.numbers else "categorical_methods": list(names)}
    calculator = UnivariateDriftCalculator(["x"], chunk_number=1, **methods)
    sides = [pd.DataFrame({"x": side}) for side in (case.reference, case.window)]
    if not case.numbers:
        sides = [side.astype("category") for side in sides]
    found = calculator.fit(sides[0]).calculate(sides[1]).filter(period="analysis").to_df()
    return {ours: float(found["x", name, "value"].iloc[-1]) for name, ours in names.items()}


if __name__ == "__main__":
    answer(measure)
