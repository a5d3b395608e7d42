"""A statistic says where it comes from and shows what it does: every public function of detectors/ has an example that runs."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

import detectors
from detectors import without_labels

READ_AND_WRITE = {
    "deciding": "reads and writes the store, and is tested in tests/pipeline",
    "evaluate": "reads and writes the store, and is tested in tests/pipeline",
    "explaining": "reads the record log, and is tested in tests/api",
    "late_labels": "reads and writes the store, and is tested in tests/pipeline",
    "fairness_windows": "reads the store and the record log, and is tested in tests/pipeline",
    "gpu_windows": "reads the store, and is tested in tests/pipeline",
    "service_levels": "reads and writes the store, and is tested in tests/pipeline",
    "trusting": "reads the store, and is tested in tests/pipeline",
    "window_estimates": "reads the record log, and is tested in tests/pipeline",
    "window_inputs": "reads and writes the store, and is tested in tests/pipeline",
}
NO_FORMULA = READ_AND_WRITE | {
    "business": "hands series to the correlation",
    "by_scores": "puts the measures of scores together",
    "aside": "remembers names",
    "against": "takes rows out of the reference",
    "column_drift": "puts the statistics of a column together",
    "concept_series": "hands series to the detectors of concept drift",
    "delta": "a default",
    "estimate": "what the measures return",
    "estimated": "hands estimates on",
    "fairness": "takes each group and the rest",
    "forecasting": "hands series to the forecast",
    "version_series": "hands series to the comparison of versions",
    "forecasts": "takes rows by their scores",
    "health": "puts the statistics of a service together",
    "labels_by_segment": "puts together what labels say of a window",
    "label_shortfall": "holds shares of windows against those of others",
    "labelled": "takes rows of a window",
    "lookback": "takes windows together",
    "metrics": "names",
    "outcomes": "takes rows in columns",
    "predicted_as": "takes rows by their prediction",
    "performance": "puts the measures of performance together",
    "row_means": "hands losses on",
    "performance_change": "hands rows to the splits of a change",
    "rankings": "takes items in lists",
    "settings": "settings",
    "unusual": "hands series to the baseline",
    "univariate": "names of the distances",
    "without_labels.codec": "writes and reads",
    "without_labels.estimator": "what was fitted, and what it is about",
    "without_labels.scored": "takes rows or cells",
}
OF_MANY = ("domain_classifier", "frechet", "mahalanobis", "mmd", "reconstruction", "shrinkage")
"""The statistics of many columns; the other files of their folder are what they are made of."""
MODULES = sorted(
    [module.name for module in pkgutil.iter_modules(detectors.__path__) if not module.ispkg]
    + [f"multivariate.{name}" for name in OF_MANY]
    + [f"without_labels.{module.name}" for module in pkgutil.iter_modules(without_labels.__path__)]
)


def loaded(name: str) -> ModuleType:
    return importlib.import_module(f"detectors.{name}")


def functions(module: ModuleType) -> Iterator[tuple[str, str]]:
    """The public functions and methods that are written here, and where an example of each may stand."""
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(member):
            yield name, examples(member.__doc__)
        elif inspect.isclass(member):
            of_class = examples(member.__doc__)
            for method, defined in vars(member).items():
                function = inspect.unwrap(getattr(defined, "fget", None) or getattr(defined, "func", None) or defined)
                if inspect.isfunction(function) and not method.startswith("_"):
                    shown = of_class if re.search(rf"\.{method}\b", of_class) else ""
                    yield f"{name}.{method}", shown + examples(function.__doc__)


def examples(text: str | None) -> str:
    return "\n".join(line for line in (text or "").splitlines() if line.lstrip().startswith(">>>"))


@pytest.mark.parametrize("name", [name for name in MODULES if name not in READ_AND_WRITE])
def test_every_public_function_has_an_example(name):
    assert [function for function, shown in functions(loaded(name)) if not shown] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name not in NO_FORMULA])
def test_every_formula_has_a_source(name):
    texts = [loaded(name).__doc__, *re.findall(r'"""(.*?)"""', inspect.getsource(loaded(name)), re.DOTALL)]
    assert any(re.search(r"\bSources?( of the .*)?: ", text or "") for text in texts)


def test_what_is_left_out_is_there():
    assert NO_FORMULA.keys() <= set(MODULES)
