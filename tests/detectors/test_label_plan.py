"""Few labels, chosen well: the estimate is right in the mean, and closer than with as many labels that are chosen evenly."""

import numpy as np
import pytest

from detectors.label_plan import plan

ROWS, COUNT, RUNS = 20_000, 200, 400


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Chances to be wrong, few of them large, and which predictions are."""
    rng = np.random.default_rng(seed)
    chances = np.clip(rng.beta(0.3, 3.0, ROWS), 1e-4, 0.9)
    return chances, rng.random(ROWS) < chances


def estimates(chances: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """What the labels of many plans say."""
    found = []
    for seed in range(RUNS):
        chosen = plan(chances, COUNT, seed)
        found.append(np.average(wrong[chosen.rows], weights=chosen.weights))
    return np.array(found)


def test_it_is_right_in_the_mean_and_as_close_as_it_says() -> None:
    chances, wrong = world()
    said = plan(chances, COUNT)
    found = estimates(chances, wrong)
    error = found.std() / np.sqrt(RUNS)
    assert found.mean() == pytest.approx(wrong.mean(), abs=4 * error)
    assert 1.96 * found.std() == pytest.approx(said.width, rel=0.15)
    evenly = np.array([wrong[np.random.default_rng(s).choice(ROWS, COUNT, replace=False)].mean() for s in range(RUNS)])
    assert 1.96 * evenly.std() == pytest.approx(said.width_by_chance, rel=0.15)
    assert found.std() < 0.8 * evenly.std()  # as if there were half as many labels more


def test_a_plan_of_a_sample_is_right_in_the_mean_and_as_close_as_it_says_for_all() -> None:
    chances, wrong = world()
    found, said = [], []
    for seed in range(RUNS):
        sample = np.flatnonzero(np.random.default_rng(seed).random(ROWS) < 0.05)
        chosen = plan(chances[sample], 3 * COUNT, seed, sampled=0.05)
        assert chosen.weights.sum() == pytest.approx(ROWS, rel=0.4)
        found.append(np.average(wrong[sample][chosen.rows], weights=chosen.weights))
        said.append(chosen.width)
    assert np.mean(found) == pytest.approx(wrong.mean(), abs=4 * np.std(found) / np.sqrt(RUNS))
    assert 1.96 * np.std(found) == pytest.approx(np.mean(said), rel=0.15)


def test_chances_that_are_off_cost_closeness_and_not_truth() -> None:
    chances, wrong = world()
    found = estimates(np.random.default_rng(5).permutation(chances), wrong)
    assert found.mean() == pytest.approx(wrong.mean(), abs=4 * found.std() / np.sqrt(RUNS))


def test_each_row_is_chosen_once_and_as_many_as_were_asked_for() -> None:
    chances, _ = world()
    for count in (1, 7, 200, ROWS):
        chosen = plan(chances, count).rows
        assert len(chosen) == len(set(chosen.tolist())) == count
    assert plan(chances, ROWS).weights == pytest.approx(1.0)


def test_a_model_that_is_sure_of_everything_is_asked_evenly() -> None:
    chosen = plan(np.zeros(1_000), 100)
    assert chosen.weights == pytest.approx(10.0)
    assert (chosen.width, chosen.width_by_chance) == (0.0, 0.0)


@pytest.mark.parametrize(("rows", "count"), [(10, 0), (10, 11), (0, 1)])
def test_a_count_that_is_not_there_is_told(rows: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"not {count}"):
        plan(np.full(rows, 0.5), count)
