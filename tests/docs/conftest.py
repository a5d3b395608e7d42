"""The pages of docs/, their fenced examples and their tables."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One page of Markdown."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def under(self, heading: str) -> str:
        """What stands under a heading, up to the next of the second level."""
        found = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^## |\Z)", self.text, re.MULTILINE | re.DOTALL)
        assert found, f"{self.path.name} has no heading {heading!r}"
        return found[1]

    def examples(self, language: str, heading: str | None = None) -> list[str]:
        text = self.text if heading is None else self.under(heading)
        return [body for kind, body in _FENCE.findall(text) if kind == language]

    def table(self, heading: str) -> list[list[str]]:
        """The cells of the first table under a heading, without its head."""
        lines = self.under(heading).splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("|"))
        rows = []
        for line in lines[first + 2 :]:
            if not line.startswith("|"):
                break
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))])
        return rows


@dataclass(frozen=True)
class Docs:
    """The pages of docs/, and the README."""

    root: Path

    def page(self, name: str) -> Page:
        return Page(self.root / "docs" / name)

    @property
    def pages(self) -> list[Page]:
        return [Page(path) for path in [self.root / "README.md", *sorted((self.root / "docs").glob("*.md"))]]


@pytest.fixture
def docs() -> Docs:
    return Docs(ROOT)


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings as the page says, not as this shell does."""
    for name in [name for name in os.environ if name.startswith("DRIFTGLASS_")]:
        monkeypatch.delenv(name)
