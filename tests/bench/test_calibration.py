"""The calibration bench counts with the detectors' own tests, and fails where the dial is not kept."""

import json

import numpy as np
import polars as pl
import pytest

from bench.calibration import __main__ as calibration
from bench.calibration import clean, concept, power, together
from bench.calibration.tests import QUARTER_DAYS, Windows, called, psi_of, rises, series_of
from detectors import shares
from detectors.interval_null import measure_drift
from detectors.own_past import fold
from detectors.pair import pair_of
from detectors.shares import Tally
from kernel.clock import DAY_US
from kernel.windows import WindowSize
from service.demo.flights import CATEGORICAL, NUMERIC, Flights


@pytest.mark.parametrize("rows", [60, 1_000])
@pytest.mark.parametrize("delta", [0.0, 0.1])
def test_many_windows_at_once_are_called_like_one_by_one(rows, delta) -> None:
    rng = np.random.default_rng(rows)
    p = np.array([0.3, 0.3, 0.2, 0.1, 0.06, 0.03, 0.01, 0.0])
    reference = rng.multinomial(10 * rows, p).astype(float)
    drawn = np.concatenate(
        [rng.multinomial(rows, p if i % 2 else rng.dirichlet(25 * p + 0.02), 4) for i in range(40)]
    ).astype(float)
    windows, alpha = Windows(drawn, reference), 1e-3
    found = called(windows, alpha, delta)
    one_by_one = [measure_drift(pair_of(one, reference), alpha, delta) for one in drawn]
    assert found.tolist() == [drift.called(alpha) for drift in one_by_one]
    assert 0 < found.sum() < len(found)
    np.testing.assert_allclose(psi_of(windows), [drift.value for drift in one_by_one])
    lowers = series_of(windows, alpha, delta, np.arange(len(drawn)) * DAY_US, 91).lowers
    assert lowers[found].tolist() == [drift.lower for drift, yes in zip(one_by_one, found, strict=True) if yes]


def test_events_are_called_from_the_fewest_on_that_the_test_calls() -> None:
    before, rows, alpha = Tally(20, 1_000), 200, 1e-4
    events = np.arange(60.0)
    one_by_one = [shares.rise_p(Tally(e, rows), before, alpha, shares.TOLERANCE) < alpha for e in events]
    assert rises(events, rows, before, alpha).tolist() == one_by_one
    assert 0 < sum(one_by_one) < 60


def test_more_calls_than_the_dial_allows_are_told_from_what_chance_makes_of_it() -> None:
    few, many = (
        clean.Clean("1h", 100, 0.1, 1_000, called, 0, 0, worst=0.0, expected=1_000 / 3, low=clean._poisson_low(called))
        for called in (350, 370)
    )
    assert (few.passed, many.passed) == (True, False)


def test_a_run_ends_with_its_figures_and_draws_them_again(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(calibration, "ROWS", (100,))
    monkeypatch.setattr(calibration, "POWER_ROWS", (100,))
    monkeypatch.setattr(calibration, "NULLS", ("flights",))
    monkeypatch.setattr(calibration.rhythm, "FAILURES", 1)
    monkeypatch.setattr(calibration.rhythm, "JUDGED_WEEKS", 1)
    monkeypatch.setattr(together, "WEEKS", 5)
    monkeypatch.setattr(together, "MOST_ROWS", 300)
    monkeypatch.setattr("sys.argv", ["calibration", "--months", "1", "--json"])
    assert calibration.main() == 0
    figures = tmp_path / "figures.json"
    figures.write_text(capsys.readouterr().out)
    read = json.loads(figures.read_text())
    assert [(row["size"], row["delta"]) for row in read["clean"]] == [
        ("1h", 0.1),
        ("1h", 0.0),
        ("1d", 0.1),
        ("1d", 0.0),
    ]
    assert {row["rule"] for row in read["power"]} == {
        "Driftglass",
        "PSI > 0.2",
        "Evidently's default",
        "NannyML's default",
    }
    [many] = read["together"]
    assert (many["models"], many["days"]) == (1, 35)
    assert many["ours"] <= many["iid"]
    assert 0.5 < many["area"] < 1
    monkeypatch.setattr("sys.argv", ["calibration", "--read", str(figures), "--plots", str(tmp_path)])
    assert calibration.main() == 0
    assert "1 model-months" in capsys.readouterr().out
    drawn = [path.read_text() for path in sorted(tmp_path.glob("*.svg"))]
    assert len(drawn) == 3
    assert all(text.startswith("<svg") and "Driftglass" in text for text in drawn)


def test_days_that_are_alike_are_called_by_no_classifier_and_restless_ones_not_by_their_own_past(monkeypatch) -> None:
    rng, days, a_day = np.random.default_rng(7), 60, 210
    rows, at = days * a_day, np.repeat(np.arange(days), a_day)
    numbers = {name: rng.normal(size=rows) for name in NUMERIC}
    groups = {name: rng.choice(["a", "b"], rows) for name in CATEGORICAL}
    frame = pl.DataFrame({"ts": pl.from_epoch(pl.Series(at * DAY_US), "us"), **numbers, **groups})
    monkeypatch.setattr(together, "WEEKS", 5)
    monkeypatch.setattr(together, "MOST_ROWS", 600)
    alike = together.measure(1, Flights(frame), lambda: None)
    assert (alike.iid, alike.ours, alike.first) == (0.0, 0.0, 0.0)
    assert alike.area == pytest.approx(0.5, abs=0.02)
    assert alike.seen == 1.0
    rain = frame.with_columns(precip=pl.col("precip") / 10 + pl.Series(rng.normal(0, 3, days)[at]))
    restless = together.measure(1, Flights(rain), lambda: None)
    assert restless.iid == pytest.approx(QUARTER_DAYS)  # every day
    assert restless.ours == 0.0
    assert restless.area > 0.7


def test_a_large_shift_is_seen_at_once_by_every_rule_and_none_while_rows_are_many_is_false() -> None:
    found = {p.rule: p for p in power.measure(3_000, 1.0, 3, lambda: None)}
    assert all(p.at_once == p.in_a_week == 1.0 for p in found.values())
    assert found["Driftglass"].false == 0
    assert power.psi_of_shift(1.0) == pytest.approx(0.926, abs=0.001)


def test_the_fold_of_the_bench_is_the_detectors() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.multinomial(500, np.full(10, 0.1), 50).astype(float)
    drawn[40] = np.eye(10)[0] * 500
    series = series_of(Windows(drawn, np.full(10, 500.0)), 1e-4, 0.1, np.arange(50) * DAY_US, 91)
    assert np.flatnonzero(fold(series, 0, WindowSize("1d")).abnormal).tolist() == [40]


def test_detectors_that_agree_call_less_noise_than_each_and_a_large_rise_soon() -> None:
    found = {one.detector: one for one in concept.measure(0.6, 10, lambda: None)}
    alone = [one for name, one in found.items() if name != "agreed"]
    assert found["agreed"].false <= min(max(one.false for one in alone), 0.3)
    assert 0 <= found["agreed"].delays[2] <= 20
    assert all(one.delays[2] <= one.delays[0] or one.delays[0] < 0 for one in found.values())
