"""Which tests one process runs: those of a file, or of files that must not run at once or share what takes long to make."""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "faults": ("tests/faults/",),  # three brokers
    "demo": ("tests/demo/", "tests/service/test_command_line.py"),  # the usual ports
}


class ByFileAndGroup(LoadScopeScheduling):  # type: ignore[misc]
    """The scheduler of a run in several processes."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for name, places in TOGETHER.items() if file.startswith(places)), file)
