"""An object store: moto's S3 server as a process of its own, which refuses writes with 503 for as long as it is told to.

    python -m testing.object_store PORT FILE    # while FILE exists, what would change an object is refused

It holds the record log to what makes its commits safe: a commit of Delta that does not forbid to replace another is refused too.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Response

from testing.process import running
from testing.waiting import is_listening, kept_port

BUCKET = "driftglass"
_REGION = "us-east-1"
_KEY = "testing"
_WRITES = ("PUT", "POST", "DELETE")
_COMMIT = re.compile(r"/_delta_log/\d{20}\.json$")
_ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>{}</Message></Error>'


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A running server with one bucket.

    Attributes:
        refusal: while this file exists, writes are refused.
    """

    port: int
    refusal: Path

    @property
    def root(self) -> str:
        """The URL of the bucket."""
        return f"s3://{BUCKET}"

    def options(self, port: int | None = None) -> dict[str, str]:
        """What delta-rs needs to find it.

        Args:
            port: of a proxy to go through.
        """
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
        }

    @property
    def client(self) -> Any:
        """A client that knows nothing of Delta."""
        options = self.options()
        return boto3.client(
            "s3",
            endpoint_url=options["AWS_ENDPOINT_URL"],
            region_name=_REGION,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
        )

    def fetch(self, folder: Path) -> None:
        """Copy every object to its path below the folder."""
        client = self.client
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            for found in page.get("Contents", ()):
                path = folder / found["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(BUCKET, found["Key"], str(path))

    @contextmanager
    def refusing_writes(self) -> Iterator[None]:
        """While the block lasts, every write is answered by 503 SlowDown; what is there can be read."""
        self.refusal.touch()
        try:
            yield
        finally:
            self.refusal.unlink()


@contextmanager
def object_store(folder: Path) -> Iterator[ObjectStore]:
    """Yield a new server, which keeps its objects in memory. Call it from the main thread (see testing.process.running)."""
    store = ObjectStore(kept_port(), folder / "refusing")
    command: list[str | Path] = [sys.executable, "-m", "testing.object_store", str(store.port), store.refusal]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with running(
        command,
        directory=folder,
        ready=lambda: is_listening(store.port),
        stop_signal=signal.SIGKILL,
        environment=environment,
    ):
        store.client.create_bucket(Bucket=BUCKET)
        yield store


def _serve(port: int, refusal: Path) -> None:
    s3 = DomainDispatcherApplication(create_backend_app)
    one_write = threading.Lock()  # moto looks whether an object exists, and then writes it

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _WRITES:
            return list(s3(environ, start_response))
        if refusal.exists():
            return _error(503, "SlowDown", "Please reduce your request rate.")(environ, start_response)
        if _COMMIT.search(environ["PATH_INFO"]) and environ.get("HTTP_IF_NONE_MATCH") != "*":
            return _error(400, "InvalidRequest", "A commit must not replace another.")(environ, start_response)
        with one_write:
            return list(s3(environ, start_response))

    run_simple("127.0.0.1", port, answer, threaded=True)


def _error(status: int, code: str, message: str) -> Response:
    return Response(_ERROR.format(code, message), status, content_type="application/xml")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
