"""Models that could not be measured: left alone for a while, which grows each time, so that the others get on."""

from kernel.clock import Clock

FIRST_S, LONGEST_S = 60.0, 3_600.0


class Aside:
    """Who is left alone, and until when by the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, tuple[float, float]] = {}  # and the pause that it was

    def add(self, model: str) -> None:
        """Leave a model alone: for a minute, and twice as long each time that it comes back, up to an hour.

        >>> from kernel.clock import ManualClock
        >>> clock = ManualClock(0)
        >>> aside = Aside(clock)
        >>> aside.add("m")
        >>> aside.holds("m"), aside.holds("n")
        (True, False)
        """
        pause_s = min(2 * self._until.get(model, (0.0, FIRST_S / 2))[1], LONGEST_S)
        self._until[model] = (self._clock.monotonic_s() + pause_s, pause_s)

    def holds(self, model: str) -> bool:
        """Whether a model is left alone.

        >>> from kernel.clock import ManualClock
        >>> Aside(ManualClock(0)).holds("m")
        False
        """
        return model in self._until and self._clock.monotonic_s() < self._until[model][0]
