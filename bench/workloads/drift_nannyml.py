"""NannyML's Jensen-Shannon distance of every column; fitting it on the reference is not timed."""

import pandas as pd
from nannyml import UnivariateDriftCalculator
from nannyml.chunk import SizeBasedChunker

from bench.data import NAMES, REFERENCE_ROWS, WINDOW_ROWS, reference, window
from bench.probe import measured, report


def main() -> None:
    calculator = UnivariateDriftCalculator(
        NAMES, continuous_methods=["jensen_shannon"], chunk_size=REFERENCE_ROWS // 10
    )
    calculator.fit(pd.DataFrame(reference().T, columns=NAMES, copy=False))
    calculator.chunker = SizeBasedChunker(WINDOW_ROWS)
    rows = pd.DataFrame(window().T, columns=NAMES, copy=False)
    calculator.calculate(rows.iloc[:1_000])
    report(measured(lambda: calculator.calculate(rows)))


main()
