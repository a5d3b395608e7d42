"""A real headless Chromium, driven by Playwright's synchronous API."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from testing.missing import ServiceMissingError

EXTERNAL = "DRIFTGLASS_TEST_CHROMIUM"
FLAGS = [
    "--headless",  # Debian's package has the one headless mode; Playwright's default asks for its own build's
    "--no-sandbox",  # the sandbox needs user namespaces, which containers and root do not have
    "--disable-gpu",  # no graphics hardware is assumed
    "--disable-quic",  # pages are on the loopback, over TCP
    "--disable-background-networking",  # nothing leaves the machine
]


def chromium_binary() -> Path:
    """Return the Chromium that DRIFTGLASS_TEST_CHROMIUM names, or the one on PATH.

    Raises:
        ServiceMissingError: there is none.
    """
    binary = os.environ.get(EXTERNAL) or shutil.which("chromium")
    if binary is None:
        raise ServiceMissingError(
            f"Chromium is missing: run scripts/services/chromium.sh (needs apt-get), or name a binary in {EXTERNAL}."
        )
    return Path(binary)


@contextmanager
def running_browser(binary: Path) -> Iterator[Browser]:
    """Yield a new browser. While it runs, ``asyncio.run`` is refused in this thread: Playwright's own loop has it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
