"""What the pages point to is there."""

import re


def _slug(heading: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_resolve(docs) -> None:
    broken = []
    for page in docs.pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = page.path.parent / name if name else page.path
            if not path.exists():
                broken.append(f"{page.path.name}: {target}")
            elif anchor and anchor not in map(_slug, re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)):
                broken.append(f"{page.path.name}: {target} has no such heading")
    assert broken == []


def test_the_tests_and_modules_that_pages_name_exist(docs) -> None:
    named = {
        (page.path.name, path)
        for page in docs.pages
        for path in re.findall(r"`((?:tests|[a-z]+)/[\w/]+\.py|tests/\w+/)`", page.text)
    }
    assert ("reliability.md", "tests/pipeline/test_sink.py") in named
    assert sorted((page, path) for page, path in named if not (docs.root / path).exists()) == []
