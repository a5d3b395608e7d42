"""Our squared MMD: by the kernel of every pair of rows, or by random features of every row, on the CPU.

Arguments: the basis, the rows of each side, the permutations. `pairs 100000 2000` works as well and takes minutes.
"""

import sys

from bench.probe import once, report
from bench.vectors import sides
from detectors.multivariate import mmd


def main() -> None:
    basis, rows, draws = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    window, reference = sides(rows)
    options = mmd.Options(basis, draws=draws, device="cpu")
    mmd.measure(window[:500], reference[:500], options)
    found = []
    report(once(lambda: found.append(mmd.measure(window, reference, options))) | {"value": found[0].value})
    assert found[0].p == 1 / (draws + 1)


main()
