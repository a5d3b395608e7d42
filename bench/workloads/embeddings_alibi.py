"""alibi-detect's MMDDriftTorch on the same rows: it holds the kernel of every pair in memory, and permutes that.

Arguments: the rows of each side, the permutations. Preparing the reference is not timed.
"""

import sys

from alibi_detect.cd.pytorch.mmd import MMDDriftTorch

from bench.probe import once, report
from bench.vectors import sides


def main() -> None:
    rows, draws = int(sys.argv[1]), int(sys.argv[2])
    window, reference = sides(rows)
    MMDDriftTorch(reference[:500], n_permutations=draws, device="cpu").predict(window[:500])
    detector = MMDDriftTorch(reference, n_permutations=draws, device="cpu")
    found = []
    report(once(lambda: found.append(detector.predict(window)["data"])) | {"value": float(found[0]["distance"])})
    assert found[0]["p_val"] < 0.05


main()
