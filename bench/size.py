"""How large a workload is: as it is published, or as small as it can be and still report every figure, for the tests.

Standard library only: peers' environments import it too.
"""

import os

VARIABLE, SMALL = "BENCH_SIZE", "small"


def sized(full: int, small: int) -> int:
    """One of the two, as BENCH_SIZE says."""
    return small if os.environ.get(VARIABLE) == SMALL else full
