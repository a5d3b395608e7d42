"""The demo's flights and models, made once, and what is true of them: computed by numpy, scipy and scikit-learn alone."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import httpx
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from service.demo.flights import FEATURES, Flights, load_flights
from service.demo.model import OnnxModel
from service.demo.paths import DemoPaths
from service.demo.training import train_models

DECILES = 10
FLOOR = 1e-4


@dataclass(frozen=True)
class WindowTruth:
    """What is true of the flights of one window, against January.

    psi, js_distance and missing_share are by column: a feature's name, "prediction" or "score.late". The performance is
    of the flights with a label, with "late" as the positive class.
    """

    rows: int
    labels: int
    psi: dict[str, float]
    js_distance: dict[str, float]
    missing_share: dict[str, float]
    accuracy: float
    roc_auc: float
    precision: float
    recall: float
    f1: float
    log_loss: float


@pytest.fixture(scope="session")
def flights() -> Flights:
    """All flights of 2013."""
    return load_flights()


@pytest.fixture(scope="session")
def demo_paths(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> DemoPaths:
    """A data folder with both models in it."""
    paths = DemoPaths(tmp_path_factory.mktemp("demo"))
    train_models(flights, paths)
    return paths


@pytest.fixture(scope="session")
def truth(flights: Flights, demo_paths: DemoPaths) -> Callable[[datetime, datetime], WindowTruth]:
    """Tells what is true of the window [start, end), with the champion's predictions."""
    scored = with_predictions(flights.frame, OnnxModel(demo_paths.champion))
    january = Flights(scored).months(1, 1).frame

    def of_window(start: datetime, end: datetime) -> WindowTruth:
        return window_truth(Flights(scored).between(start, end).frame, january)

    return of_window


@pytest.fixture(name="deciles")
def deciles_fixture() -> Callable[..., dict[str, int]]:
    return deciles


@pytest.fixture(name="bin_shares")
def bin_shares_fixture() -> Callable[..., tuple[NDArray[np.float64], NDArray[np.float64]]]:
    return bin_shares


def with_predictions(frame: pl.DataFrame, model: OnnxModel) -> pl.DataFrame:
    scored = model.score(frame.select(FEATURES).to_dict(as_series=False))
    late = scored.probabilities[:, model.classes.index("late")].astype("f8")
    return frame.with_columns(pl.Series("prediction", scored.labels), pl.Series("score.late", late))


def window_truth(window: pl.DataFrame, reference: pl.DataFrame) -> WindowTruth:
    columns = (*FEATURES, "prediction", "score.late")
    shares = {name: bin_shares(window[name], reference[name]) for name in columns}
    labelled = window.filter(pl.col("label").is_not_null())
    late, said = (labelled["label"] == "late").to_numpy(), (labelled["prediction"] == "late").to_numpy()
    score = labelled["score.late"].to_numpy()
    return WindowTruth(
        rows=window.height,
        labels=labelled.height,
        psi={name: psi(*pair) for name, pair in shares.items()},
        js_distance={name: float(jensenshannon(*pair, base=2)) for name, pair in shares.items()},
        missing_share={name: window[name].null_count() / window.height for name in columns},
        accuracy=float(metrics.accuracy_score(late, said)),
        roc_auc=float(metrics.roc_auc_score(late, score)),
        precision=float(metrics.precision_score(late, said, zero_division=0)),
        recall=float(metrics.recall_score(late, said, zero_division=0)),
        f1=float(metrics.f1_score(late, said, zero_division=0)),
        log_loss=float(metrics.log_loss(late, score)),
    )


def bin_shares(window: pl.Series, reference: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The shares of the non-missing values of both sides in each bin that is not empty on both."""
    pair = (window.drop_nulls().to_numpy(), reference.drop_nulls().to_numpy())
    bins = [categories(side) if window.dtype == pl.String else deciles(side, pair[1]) for side in pair]
    names = sorted(set(bins[0]) | set(bins[1]))
    return tuple(np.array([side.get(name, 0) for name in names]) / sum(side.values()) for side in bins)


def categories(values: NDArray[np.object_]) -> dict[str, int]:
    return dict(zip(*np.unique(values.astype(str), return_counts=True), strict=True))


def deciles(values: NDArray[np.float64], reference: NDArray[np.float64]) -> dict[str, int]:
    """Rows by decile of the reference without its heavy values (a tenth of it or more each), which are their own bins.

    A value belongs to the decile that the middle of its rank falls in, so that ties across an edge stay together; for
    values without ties these are the deciles of numpy.quantile.
    """
    distinct, counts = np.unique(reference, return_counts=True)
    heavy = distinct[counts * DECILES >= len(reference)]
    rest = np.sort(reference[~np.isin(reference, heavy)])
    is_heavy = np.isin(values, heavy)
    light = values[~is_heavy]
    middle = (np.searchsorted(rest, light, "left") + np.searchsorted(rest, light, "right")) / 2
    decile = np.minimum(middle * DECILES // max(len(rest), 1), DECILES - 1)
    bins = np.concatenate(
        [np.char.add("decile ", decile.astype(str)), np.char.add("value ", values[is_heavy].astype(str))]
    )
    return dict(zip(*np.unique(bins, return_counts=True), strict=True))


def psi(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    p, q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    return float(np.sum((p - q) * np.log(p / q)))


@dataclass
class StandInGateway:
    """Takes what clients send over real HTTP and keeps the rows, as the gateway of the collector would."""

    url: str
    refuse: bool = False
    tables: dict[str, list[pa.Table]] = field(default_factory=lambda: {"/v1/predictions": [], "/v1/labels": []})
    lock: Lock = field(default_factory=Lock)

    @property
    def predictions(self) -> pl.DataFrame:
        return self._rows("/v1/predictions")

    @property
    def labels(self) -> pl.DataFrame:
        return self._rows("/v1/labels")

    def take(self, path: str, body: bytes) -> int:
        table = pa.ipc.open_stream(body).read_all()
        with self.lock:
            self.tables[path].append(table)
        return table.num_rows

    def _rows(self, path: str) -> pl.DataFrame:
        with self.lock:
            return pl.DataFrame(pa.concat_tables(self.tables[path], promote_options="permissive"))


@pytest.fixture(scope="module")
def gateway() -> Iterator[StandInGateway]:
    with serving_gateway() as running:
        yield running


@pytest.fixture
def refusing_gateway() -> Iterator[StandInGateway]:
    with serving_gateway(refuse=True) as running:
        yield running


@contextmanager
def serving_gateway(refuse: bool = False) -> Iterator[StandInGateway]:
    gateway = StandInGateway("", refuse)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if gateway.refuse:
                self._answer(400, b"{}")
            else:
                self._answer(202, b'{"accepted": %d, "rejected": 0, "errors": []}' % gateway.take(self.path, body))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield gateway
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def inference_url(demo_paths: DemoPaths, gateway: StandInGateway) -> Iterator[str]:
    """The inference service with the champion, as a process of its own that logs to the stand-in gateway."""
    with serving_inference(demo_paths, gateway.url) as url:
        yield url


@contextmanager
def serving_inference(paths: DemoPaths, gateway_url: str) -> Iterator[str]:
    port = free_port()
    options = ["--model", str(paths.champion), "--port", str(port), "--gateway", gateway_url]
    process = subprocess.Popen([sys.executable, "-m", "service.demo.inference", *options])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the inference service ended"
        try:
            if httpx.get(f"{url}/healthz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the inference service did not come up in a minute")
