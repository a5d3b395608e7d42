"""Tests are collected by path (import-mode=importlib), so they are not packages."""

from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_tests_hold_no_init_file():
    assert [str(path.relative_to(TESTS)) for path in TESTS.rglob("__init__.py")] == []


def test_test_files_have_names_of_their_own():
    paths = sorted(TESTS.rglob("test_*.py"))
    names = [path.name for path in paths]

    assert paths
    assert [str(path.relative_to(TESTS)) for path in paths if names.count(path.name) > 1] == []
