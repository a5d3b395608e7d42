"""An HTTP application of a part, served beside its other work."""

import threading

import uvicorn
from fastapi import FastAPI

from service.loops import listen


class Server:
    """An HTTP application on its own thread.

    Args:
        setting: the setting that names the port, for the error.

    Raises:
        UnavailableError: the port is taken, or the address is not this machine's.
    """

    def __init__(self, app: FastAPI, host: str, port: int, setting: str) -> None:
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        listener = listen(host, port, setting)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="http", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it is still serving."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> None:
        """Finish the requests at hand and end."""
        self._server.should_exit = True
        self._thread.join(timeout_s)
