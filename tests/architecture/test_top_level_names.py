"""Our packages have plain top-level names: no dependency may supply one, and none may be shadowed."""

import importlib.util
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = sorted({*PYPROJECT["tool"]["importlinter"]["root_packages"], "bench", "testing", "tests"})
OUR_DISTRIBUTIONS = {"driftglass", "driftglass-client"}


def suppliers(found: Iterable[Distribution]) -> dict[str, set[str]]:
    """Map each of our names that a foreign distribution supplies to those distributions."""
    clashes: dict[str, set[str]] = {}
    for distribution in found:
        if distribution.name in OUR_DISTRIBUTIONS:
            continue
        tops = {file.parts[0].removesuffix(".py") for file in distribution.files or []}
        for name in tops.intersection(OURS):
            clashes.setdefault(name, set()).add(distribution.name)
    return clashes


def test_no_dependency_supplies_a_package_by_one_of_our_names():
    assert suppliers(distributions()) == {}


@pytest.mark.parametrize("file", ["store/__init__.py", "api.py"])
def test_a_dependency_that_did_would_be_found(tmp_path, file):
    info = tmp_path / "intruder-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{file},,\nintruder-1.0.dist-info/RECORD,,\n")

    assert suppliers(distributions(path=[str(tmp_path)])) == {Path(file).parts[0].removesuffix(".py"): {"intruder"}}


@pytest.mark.parametrize("name", PYPROJECT["tool"]["importlinter"]["root_packages"])
def test_an_import_of_our_name_finds_our_package(name):
    spec = importlib.util.find_spec(name)

    assert spec is not None
    assert spec.submodule_search_locations is not None
    parent = ROOT / "client" if name == "driftglass_client" else ROOT
    assert {Path(location).resolve() for location in spec.submodule_search_locations} == {parent / name}
