"""What the version of a series says. Version "" is the records that name none; of some metrics it is all versions together."""

from kernel.measurement import GPU, SERVICE_LEVELS

OF_ALL_VERSIONS = ("traffic", *GPU, *SERVICE_LEVELS)
"""Metrics of the whole model: measured once, whatever its versions are."""

NO_VERSION = "no version"


def version_words(version: str, *, pooled: bool, several: bool) -> str:
    """Which of a model's records something is of, for people; "" where there is nothing to tell apart.

    Args:
        version: as it is stored.
        pooled: whether "" stands for all versions together here, and not for the records that name none.
        several: whether the model has more versions than one, "" being one where records name none.

    >>> version_words("3", pooled=False, several=False)
    'version 3'
    >>> [version_words("", pooled=pooled, several=True) for pooled in (False, True)]
    ['no version', 'all versions']
    >>> version_words("", pooled=False, several=False)
    ''
    """
    if version:
        return f"version {version}"
    if not several:
        return ""
    return "all versions" if pooled else NO_VERSION
