"""Exporters of GPU figures are named in the settings, and `driftglass collect` reads them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
import yaml

from kernel.errors import SettingsError
from kernel.settings import load
from service.settings import Settings
from store.database import Database
from store.migrate import migrate
from store.tables import gpu_readings, leases
from testing.gpu_exporters import dcgm, exporter
from testing.waiting import free_port


def test_collect_reads_the_exporters_and_tells_how_often_that_failed(tmp_path: Path, wait_until: Callable) -> None:
    port, away = free_port(), f"http://127.0.0.1:{free_port()}/metrics"
    with exporter(dcgm({"DEV_GPU_UTIL": 50})) as node:
        settings = {
            "store": {"database": f"sqlite:///{tmp_path}/state.db", "records": str(tmp_path / "records")},
            "log": {"local": {"path": str(tmp_path / "log.db")}},
            "gateway": {"port": port},
            "gpu": {"interval_s": 0.2, "targets": [{"url": url, "models": ["m"]} for url in (node.url, away)]},
        }
        (tmp_path / "driftglass.yaml").write_text(yaml.safe_dump(settings))
        db = Database(settings["store"]["database"])
        migrate(db)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DRIFTGLASS_")}
        environment = clean | {"DRIFTGLASS_CONFIG": str(tmp_path / "driftglass.yaml")}
        child = subprocess.Popen([sys.executable, "-m", "service.cli", "collect"], cwd=tmp_path, env=environment)
        try:
            wait_until(lambda: node.asked >= 3, timeout_s=60, what="three readings")
            told = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) == 0
        finally:
            child.kill()
            child.wait()
    assert "driftglass_gateway_requests_total" in told
    assert f'driftglass_gpu_scrape_failures_total{{target="{node.url}"}} 0' in told
    assert f'driftglass_gpu_scrapes_total{{target="{away}"}} 0' in told
    assert f'driftglass_gpu_scrape_failures_total{{target="{away}"}}' in told
    with db.read() as connection:
        assert connection.scalar(sa.select(sa.func.sum(gpu_readings.c.readings))) >= 2
        assert connection.scalar(sa.select(sa.func.count()).where(leases.c.token != "")) == 0
    db.close()


@pytest.mark.parametrize(
    ("gpu", "says"),
    [
        ("  targets:\n  - url: node-1:9400\n    models: [m]\n", "line 3: gpu.targets.0.url"),
        ("  targets:\n  - url: http://node-1:9400/metrics\n", "line 3: gpu.targets.0.models is missing"),
        ("  targets:\n  - url: http://node-1:9400/metrics\n    models: []\n", "line 4: gpu.targets.0.models"),
        (
            "  targets:\n  - url: http://ada:secret@node-1/metrics\n    models: [m]\n",
            "line 3: gpu.targets.0.url is 'http://node-1/...': must be scheme, host, port and path alone",
        ),
        (
            "  targets:\n  - url: http://node-1/metrics\n    models: [m]\n  - url: http://node-1/metrics\n    models: [n]\n",
            "line 5: gpu.targets.1.url: http://node-1/... is named twice",
        ),
        ("  target: []\n", "gpu has: idle_below, interval_s, targets, timeout_s"),
        ("  interval_s: 0\n", "line 2: gpu.interval_s is 0"),
    ],
)
def test_a_wrong_target_is_one_sentence(tmp_path: Path, gpu: str, says: str) -> None:
    path = tmp_path / "driftglass.yaml"
    path.write_text("gpu:\n" + gpu)
    with pytest.raises(SettingsError) as refused:
        load(Settings, path)
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)
