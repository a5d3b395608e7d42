"""Wilson's interval for a share."""

import math

from scipy import special

from detectors.estimate import Estimate, none_of


def interval(share: float, size: float, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share seen in `size` (effective) rows; (0, 1) without rows.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).

    >>> [round(end, 4) for end in interval(0.9, 100)]
    [0.8256, 0.9448]
    """
    if not size > 0:
        return 0.0, 1.0
    z = float(special.ndtri(0.5 + level / 2))
    scale = 1 + z * z / size
    centre = (share + z * z / (2 * size)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    # Rounding may put an end beyond the share, where that is next to 0 or 1.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def estimate(weight: float, of_weight: float, size: float, rows: int, level: float = 0.95) -> Estimate:
    """Return the share weight / of_weight with its interval at `size` effective rows; no value where of_weight is 0.

    >>> estimate(9, 10, 10, 10).value
    0.9
    """
    if not of_weight > 0:
        return none_of(rows)
    share = min(weight / of_weight, 1.0)
    return Estimate(share, *interval(share, size, level), rows)
