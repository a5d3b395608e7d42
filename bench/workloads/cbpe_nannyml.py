"""NannyML's estimate of the same window from its rows, as one chunk; fitting it on the reference is not timed."""

import nannyml
import pandas as pd
from nannyml.chunk import SizeBasedChunker

from bench.probe import measured, report
from bench.scores import METRICS, REFERENCE_ROWS, WINDOW_ROWS, reference, window


def main() -> None:
    estimator = nannyml.CBPE(
        problem_type="classification_binary", y_pred_proba="score", y_pred="predicted", y_true="label",
        metrics=list(METRICS), chunk_size=REFERENCE_ROWS // 10,
    )  # fmt: skip
    estimator.fit(pd.DataFrame(dict(zip(("score", "predicted", "label"), reference(), strict=True))))
    estimator.chunker = SizeBasedChunker(WINDOW_ROWS)
    rows = pd.DataFrame(dict(zip(("score", "predicted"), window(), strict=True)))
    found = estimator.estimate(rows).filter(period="analysis").to_df()
    assert len(found) == 1
    values = {metric: float(found[metric, "value"].iloc[-1]) for metric in METRICS}
    report(measured(lambda: estimator.estimate(rows)) | values)


main()
