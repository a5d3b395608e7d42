"""whylogs' profile of the window; nothing is compared yet."""

import pandas as pd
import whylogs

from bench.data import NAMES, window
from bench.probe import once, report


def main() -> None:
    rows = pd.DataFrame(window().T, columns=NAMES, copy=False)
    whylogs.log(pandas=rows.iloc[:1_000])
    report(once(lambda: whylogs.log(pandas=rows).profile()))


main()
