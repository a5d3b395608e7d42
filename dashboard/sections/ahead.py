"""What lies ahead: one sentence under a chart whose line will cross its limit, and nothing where no crossing is in sight."""

from dashboard import reads
from dashboard.scene import Scene
from dashboard.text import number
from detectors.forecast import Forecast
from detectors.forecasting import Ahead
from kernel.clock import DAY_US, to_datetime

_NEAR_US, _FAR_US = 3 * DAY_US, 300 * DAY_US


def captions(scene: Scene, *metrics: str, column: str = "") -> dict[str, str]:
    """The sentence about each of these metrics, by its name; those that cross nothing soon are not among them."""
    performance = scene.card.reference.performance if scene.card.reference else {}
    intervals = tuple((metric, (known.lower, known.upper)) for metric, known in sorted(performance.items()))
    found = reads.ahead(scene.scope, metrics, column, intervals)
    return {one.metric: text for one in found if (text := sentence(one)) is not None}


def sentence(ahead: Ahead) -> str | None:
    """When a series crosses its limit; None where that is not likelier than not within the horizon.

    >>> from detectors.limits import Limit
    >>> seen = Forecast(1386806400000000, 1386028800000000, 1388793600000000, 0.9, 0)
    >>> sentence(Ahead("psi", "temp", 0.05, 60, Limit(0.1, above=True, basis=""), seen))
    'At this pace past 0.1 around 12 Dec, 80% between 3 Dec and 4 Jan.'
    """
    limit, seen = ahead.limit, ahead.forecast
    if limit is None or seen is None or not ahead.is_likely:
        return None
    crosses, earliest, latest = _moments(seen)
    way = "past" if limit.above else "below"
    span = f"80% between {earliest} and {latest}" if latest else f"90% not before {earliest}, maybe never"
    return f"At this pace {way} {_short(limit.value)} around {crosses}, {span}."


def _moments(seen: Forecast) -> tuple[str, str, str | None]:
    """The three moments: with the year where they lie far apart, with the hour where they lie close together."""
    there = [us for us in (seen.crosses_us, seen.earliest_us, seen.latest_us) if us is not None]
    moments = [to_datetime(us) for us in there]
    apart_us = max(there) - min(there)
    year, hour = " %Y" if apart_us > _FAR_US else "", " %H:%M" if apart_us < _NEAR_US else ""
    crosses, earliest, *latest = (f"{moment.day} {moment:{'%b' + year + hour}}" for moment in moments)
    return crosses, earliest, latest[0] if latest else None


def _short(value: float) -> str:
    """A number without zeros that say nothing."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
