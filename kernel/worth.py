"""What predictions are worth in money, as it is declared of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Worth:
    """What a row is worth by how it came out, below 0 where it costs; nothing where nothing is declared.

    Attributes:
        currency: such as EUR.
        cells: label -> prediction -> the worth of a row; 0 for what is not named.
        per_error: of a regression, the worth of a unit of absolute error.

    >>> bool(Worth()), bool(Worth("EUR", {"late": {"late": 10.0}}))
    (False, True)
    """

    currency: str = ""
    cells: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    per_error: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is declared."""
        return bool(self.cells) or self.per_error is not None
