"""What a column is called in measurements, and back to what it is called in profiles."""

from kernel.column_spec import CONFIDENCE, DISTINCT_ROWS, FEATURE, LABEL, OF_A_TEXT, POSITIVE_COLUMNS, PREDICTION, SCORE
from kernel.written_text import MEASURES, VOCABULARY

_ITS_OWN = (PREDICTION, LABEL, *POSITIVE_COLUMNS)


def measured_name(stored: str) -> str:
    """A feature by its own name, unless that is taken; a score, the prediction and what is measured of texts by theirs.

    >>> [measured_name(stored) for stored in ("feature.dep_delay", "feature.label", "score.late", "text.words(comment)")]
    ['dep_delay', 'feature.label', 'score.late', 'words(comment)']
    """
    if stored.startswith(OF_A_TEXT):
        return stored.removeprefix(OF_A_TEXT)
    name = stored.removeprefix(FEATURE)
    taken = name in (PREDICTION, LABEL) or name.startswith((SCORE, FEATURE, *MEASURES))
    return stored if stored != name and taken else name


def profile_name(measured: str) -> str:
    """The name in profiles of a column by its name in measurements.

    >>> [profile_name(name) for name in ("dep_delay", "feature.label", "score.late", "words(comment)")]
    ['feature.dep_delay', 'feature.label', 'score.late', 'text.words(comment)']
    """
    if measured.startswith(MEASURES):
        return OF_A_TEXT + measured
    return measured if measured in _ITS_OWN or measured.startswith((SCORE, FEATURE)) else FEATURE + measured


def is_compared(stored: str) -> bool:
    """Whether a column is held against the reference's by its distribution; health, confidence and samples are not.

    >>> is_compared("feature.dep_delay"), is_compared("latency_ms"), is_compared("confidence.margin")
    (True, False, False)
    """
    return stored not in POSITIVE_COLUMNS and not stored.startswith((CONFIDENCE, VOCABULARY, DISTINCT_ROWS))
