"""The demo's bar on a small terminal."""

import io

import pytest
from rich.console import Console

from service.demo.bar import progress_bar


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_has_room_beside_its_texts(width: int) -> None:
    screen = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with progress_bar(Console(file=io.StringIO())) as bar:
        bar.add_task("measuring what is left", total=1.0, completed=1.0, reached="14 Dec  309,864 predictions")
        with screen.capture() as drawn:
            screen.print(bar.make_tasks_table(bar.tasks))
    (line,) = drawn.get().splitlines()
    assert line.startswith("measuring what is left ")
    assert "14 Dec  309,864 predictions 0:00:0" in line
    assert line.count("━") >= 16
