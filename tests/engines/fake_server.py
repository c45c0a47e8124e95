"""A completions server without a model: its answers are a pure function of the request, its faults are scripted.

Real sockets and real HTTP: what it fakes is only the model. Every fault hits before or instead of an answer.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

END = 5
"""The id that ends a turn; the tiny tokenizer has it."""
Fault = Callable[["Handler"], None]


def completion_of(body: dict[str, Any]) -> tuple[list[int], str]:
    """What the 'model' says to a request: ids drawn from its prompt and seed."""
    draws = np.random.default_rng([*body["prompt"], body["seed"] % 2**32])
    ids = draws.integers(6, 200, size=body["max_tokens"]).tolist()
    if body.get("stop_token_ids") and draws.random() < 0.5:
        return [*ids[: draws.integers(0, len(ids))], END], "stop"
    return ids, "length"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def do_GET(self) -> None:
        self.answer({"data": [{"id": name, "max_model_len": 64} for name in self.server.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.active += 1
            self.server.most_active = max(self.server.most_active, self.server.active)
            self.server.headers.append(dict(self.headers))
            number = len(self.server.bodies)
            self.server.bodies.append(body)
        try:
            time.sleep(self.server.seconds)
            fault = self.server.fault(number)
            if fault is None:
                self.answer(self.server.reply(body))
                with self.server.lock:
                    self.server.answered += 1
            else:
                fault(self)
        finally:
            with self.server.lock:
                self.server.active -= 1

    def answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, content in (headers or {}).items():
            self.send_header(name, content)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Silent."""


class FakeServer(ThreadingHTTPServer):
    """Listens on loopback from its creation until `stop`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        self.models = ["fake"]
        self.connections: list[socket.socket] = []
        self.lock = threading.Lock()
        self.active = self.most_active = self.answered = 0
        self.seconds = 0.0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.fault: Callable[[int], Fault | None] = lambda number: None
        self.reply: Callable[[dict[str, Any]], dict[str, Any]] = reply
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def stop(self) -> None:
        """Die: no new connections, and the open ones are reset."""
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            reset(connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.connections.append(connection)
        return connection, address

    def handle_error(self, *_: Any) -> None:
        """A client that went away is none of our business."""


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """An answer as vLLM's server gives it, with processed log-probabilities."""
    if body.get("top_k") == 1:  # the probe: a point distribution gives one sequence, whatever the seed
        body = {**body, "seed": 0}
    ids, reason = completion_of(body)
    listed = body.get("logprobs") or 1
    point = body.get("top_k") == 1
    own = 0.0 if point else float(np.log(0.5))
    other = -9999.0 if point else own
    top = [{f"token_id:{t}": own, **({f"token_id:{t + 1}": other} if listed > 1 else {})} for t in ids]
    logprobs = {"tokens": [f"token_id:{t}" for t in ids], "token_logprobs": [own] * len(ids), "top_logprobs": top}
    return {"choices": [{"index": 0, "token_ids": ids, "finish_reason": reason, "logprobs": logprobs, "text": ""}]}


def reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


def status(code: int, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer({"error": {"message": f"made to fail with {code}"}}, code, named)


def not_json(handler: Handler) -> None:
    handler.answer(b"<html>a proxy's page</html>")


def other_json(handler: Handler) -> None:
    handler.answer({"choices": []})


def dropped(handler: Handler) -> None:
    """Reset the connection without a word."""
    reset(handler.connection)


def half(handler: Handler) -> None:
    """Promise more bytes than come."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def slow(handler: Handler) -> None:
    """Longer than the client's timeout in these tests."""
    time.sleep(1.5)
    handler.close_connection = True


ALL_FAULTS: tuple[Fault, ...] = (status(500), status(503), not_json, other_json, dropped, half, slow, status(429))
