"""Joining a Ray cluster, and saying clearly why it does not work. The one place that imports Ray."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from typing import Any

from selfdistill.errors import MissingExtraError, UserError, first_line


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Ray, connected; a connection that was there before stays.

    Args:
        address: `auto`, `HOST:PORT` of the head, or `ray://HOST:10001`.

    Raises:
        MissingExtraError: Ray is not installed.
        UserError: there is no cluster at this address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError("cluster", extra="ray") from error
    if ray.is_initialized():
        yield ray
        return
    _require_listener(address)
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, TimeoutError, RuntimeError) as error:
        gist = first_line(error)
        raise UserError(
            f"no Ray cluster can be reached at {address}: {gist}", where="cluster", fix="start one: ray start --head"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def require_cluster(address: str) -> None:
    """Make sure that `cluster` has something to join, as far as shows without joining.

    Raises:
        MissingExtraError: Ray is not installed.
        UserError: nobody listens at this address.
    """
    if util.find_spec("ray") is None:
        raise MissingExtraError("cluster", extra="ray")
    _require_listener(address)


def _require_listener(address: str) -> None:
    """Ray itself waits for minutes where nobody listens, and then ends the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise UserError(
            f"no Ray cluster can be reached at {address}: {error}", where="cluster", fix="start one: ray start --head"
        ) from error


def user_error(error: Exception) -> UserError | None:
    """The user's mistake that a remote task raised, if that is what it was."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, UserError) else None
