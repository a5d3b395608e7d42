import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.fold import Episode, Policy, Window, fold
from kernel.clock import DAY_US


def days(letters: str) -> list[Window]:
    """x abnormal, o normal; a dot is a day that says nothing."""
    return [Window(n * DAY_US, (n + 1) * DAY_US, c == "x") for n, c in enumerate(letters) if c != "."]


def told(episodes: list[Episode]) -> list[tuple[int, int | None, bool]]:
    """(first day, day it fired, whether it ended)."""
    return [(e.first_us // DAY_US, None if e.fired_us is None else e.fired_us // DAY_US, e.ended) for e in episodes]


@pytest.mark.parametrize(
    ("letters", "policy", "expected"),
    [
        ("ooo", Policy(), []),
        ("x", Policy(), [(0, 0, False)]),
        ("xo", Policy(), [(0, 0, True)]),
        ("xox", Policy(calm=2), [(0, 0, False)]),
        ("xoxoo", Policy(calm=2), [(0, 0, True)]),
        ("xx", Policy(windows=3), [(0, None, False)]),
        ("xxx", Policy(windows=3), [(0, 2, False)]),
        ("xxoxx", Policy(windows=3), [(3, None, False)]),
        ("xxoxxx", Policy(windows=3), [(3, 5, False)]),
        ("xx.x", Policy(windows=3), [(0, 3, False)]),
        ("x", Policy(span_us=2 * DAY_US), [(0, None, False)]),
        ("xx", Policy(span_us=2 * DAY_US), [(0, 1, False)]),
        ("x.x", Policy(span_us=3 * DAY_US), [(0, 2, False)]),
        ("xoxo", Policy(), [(0, 0, True), (2, 2, True)]),
        ("x.o", Policy(), [(0, 0, True)]),
    ],
)
def test_episodes(letters, policy, expected):
    assert told(fold(days(letters), policy)) == expected


def test_a_standing_episode_goes_on():
    standing = Episode(first_us=0, last_us=0, last_end_us=DAY_US, seen_us=0, fired_us=0)

    [ended] = fold(days(".oo"), Policy(calm=2), standing)

    assert (ended.first_us, ended.seen_us, ended.ended) == (0, 2 * DAY_US, True)


@pytest.mark.parametrize(("size", "windows"), [("1d", 4), ("1h", 73), ("1w", 2), ("1mo", 2)])
def test_the_lookback_covers_the_duration(size, windows):
    assert Policy(span_us=3 * DAY_US).lookback(size) == windows


@given(
    letters=st.text("xo.", max_size=40),
    policy=st.builds(Policy, st.integers(1, 3), st.sampled_from([0, 2 * DAY_US]), st.integers(1, 3)),
    data=st.data(),
)
def test_folding_in_two_parts_from_a_standing_episode_is_folding_at_once(letters, policy, data):
    windows = days(letters)
    cut = data.draw(st.integers(0, len(windows)))
    first = fold(windows[:cut], policy)
    standing = first.pop() if first and not first[-1].ended else None

    assert first + fold(windows[cut:], policy, standing) == fold(windows, policy)


@given(letters=st.text("xo", min_size=1, max_size=40), windows=st.integers(1, 4), calm=st.integers(1, 4))
def test_an_alert_fires_exactly_where_so_many_abnormal_windows_follow_each_other(letters, windows, calm):
    episodes = fold(days(letters), Policy(windows=windows, calm=calm))

    assert any(e.fired_us is not None for e in episodes) == ("x" * windows in letters)
    assert all(e.ended for e in episodes if e.fired_us is not None) or not letters.endswith("o" * calm)
