import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from testing.skips import pytest_make_collect_report, pytest_runtest_makereport, pytest_terminal_summary

@pytest.fixture(scope="session")
def broker():
    pytest.skip("Kafka is missing: install it.")
"""
TESTS = """
import pytest

def test_one(broker): ...
def test_two(broker): ...
def test_that_needs_nothing(): ...

@pytest.mark.xfail(strict=True)
def test_known_bug(): assert False
"""


@pytest.fixture
def run_suite(pytester, monkeypatch):
    def run(*, ci: bool, tests: str = TESTS) -> pytest.RunResult:
        monkeypatch.setenv("CI", "true" if ci else "")
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(tests)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider")

    return run


def test_a_missing_service_is_skipped_and_listed(run_suite):
    result = run_suite(ci=False)

    result.assert_outcomes(passed=1, skipped=2, xfailed=1)
    result.stdout.fnmatch_lines(["*left out*", "2 x Kafka is missing: install it."])


def test_where_ci_is_true_a_missing_service_fails_in_one_sentence(run_suite):
    result = run_suite(ci=True)

    result.assert_outcomes(passed=1, errors=2, xfailed=1)
    result.stdout.fnmatch_lines(["Kafka is missing: install it. (where CI=true nothing is skipped)"])


def test_where_ci_is_true_a_module_that_skips_itself_fails(run_suite):
    result = run_suite(ci=True, tests="import pytest; pytest.importorskip('no_such_module')")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["could not import 'no_such_module'*(where CI=true nothing is skipped)"])
