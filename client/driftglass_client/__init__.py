"""Driftglass's client: send predictions and labels without slowing the model that makes them.

>>> from driftglass_client import Client
>>> monitor = Client("flight-delay", "3", url="http://127.0.0.1:7461")
>>> monitor.stats()["queued"]
0
>>> monitor.close()
"""

from driftglass_client.asgi import DriftglassMiddleware
from driftglass_client.client import Client
from driftglass_client.counts import LOSSES
from driftglass_client.errors import ClientConfigError, ClientError, RefusedError, TooLargeError, UnavailableError
from driftglass_client.http_transport import HttpTransport
from driftglass_client.kafka_transport import KafkaTransport
from driftglass_client.settings import ClientSettings
from driftglass_client.transport import Message, Transport

__all__ = [
    "LOSSES",
    "Client",
    "ClientConfigError",
    "ClientError",
    "ClientSettings",
    "DriftglassMiddleware",
    "HttpTransport",
    "KafkaTransport",
    "Message",
    "RefusedError",
    "TooLargeError",
    "Transport",
    "UnavailableError",
]
