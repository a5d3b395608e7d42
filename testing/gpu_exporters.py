"""Exporters of GPU figures on the loopback: what a DCGM exporter and Triton answer, with the figures that a test chooses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DCGM_LABELS = (
    'gpu="{index}",UUID="{uuid}",pci_bus_id="00000000:0{index}:00.0",device="nvidia{index}",modelName="NVIDIA H100 80GB HBM3",'
    'Hostname="node-1",DCGM_FI_DRIVER_VERSION="550.90.07"{more}'
)


def dcgm(*gpus: dict[str, float], uuids: tuple[str, ...] = ("GPU-a", "GPU-b"), more: str = "") -> str:
    """An exposition of a DCGM exporter.

    Args:
        gpus: of each GPU, the metrics by name without DCGM_FI_.
        more: labels that follow the others.
    """
    lines = ["# HELP DCGM_FI_DEV_SM_CLOCK SM clock frequency (in MHz).", "# TYPE DCGM_FI_DEV_SM_CLOCK gauge"]
    for index, (uuid, figures) in enumerate(zip(uuids, gpus, strict=False)):
        labels = DCGM_LABELS.format(index=index, uuid=uuid, more=more)
        lines += [f"DCGM_FI_{name}{{{labels}}} {value}" for name, value in {"DEV_SM_CLOCK": 1980, **figures}.items()]
    return "\n".join(lines) + "\n"


def triton(uuid: str = "GPU-a", **figures: float) -> str:
    """An exposition of Triton: a model's counters, and its GPU's figures by name without nv_."""
    lines = [
        "# HELP nv_inference_count Number of inferences performed (does not include cached requests)",
        "# TYPE nv_inference_count counter",
        'nv_inference_count{model="resnet50",version="1"} 4711',
        'nv_inference_request_failure{model="resnet50",reason="OTHER",version="1"} 0',
    ]
    lines += [f'nv_{name}{{gpu_uuid="{uuid}"}} {value:.6f}' for name, value in figures.items()]
    return "\n".join(lines) + "\n"


@dataclass
class Exporter:
    """One exporter: what it answers may be changed while it runs."""

    url: str
    text: str = ""
    status: int = 200
    asked: int = 0


@contextmanager
def exporter(text: str = "", port: int = 0) -> Iterator[Exporter]:
    """An exporter that answers until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked += 1
            body = served.text.encode()
            self.send_response(served.status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    served = Exporter(f"http://127.0.0.1:{server.server_port}/metrics", text)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
