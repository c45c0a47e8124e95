"""Ask a server until it answers: retries with exponential back-off and jitter, `Retry-After` honoured, one patience.

It knows HTTP, not models: `openai.py` says what to ask, `answers.py` what a good answer is. A fault that repeating can
mend (a lost connection, a timeout, 429, a 5xx, a broken answer) is repeated; one that it cannot (a wrong key, a request
that the server refuses) is a `UserError` at once. The key is read from the environment and is in no message.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from selfdistill.errors import UserError

Answer = TypeVar("Answer")
FIRST_WAIT = 0.5
"""Seconds before the first repetition; each further one waits twice as long, up to `LONGEST_WAIT`."""
LONGEST_WAIT = 30.0
PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may pass."""


class BrokenAnswerError(Exception):
    """An answer arrived and is not what was asked for; asked again."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server and how long to bear with it."""

    base_url: str
    """Up to and with `/v1`."""
    key_variable: str
    timeout_seconds: float
    patience_seconds: float
    random: random.Random = field(default_factory=random.Random)
    """Jitter only: no result depends on it."""

    def client(self, connections: int) -> httpx.AsyncClient:
        """A client for this many requests in flight."""
        key = os.environ.get(self.key_variable, "")
        return httpx.AsyncClient(
            base_url=self.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(self.timeout_seconds, connect=min(30.0, self.timeout_seconds)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,  # no proxy between us and a server that was named
        )

    async def ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        parse: Callable[[Any], Answer],
    ) -> Answer:
        """Ask until `parse` accepts the answer.

        Raises:
            UserError: the server refuses, or still fails when the patience is over.
        """
        deadline: float | None = None  # from the first failure on: a good answer may take longer than the patience
        attempt = 0
        while True:
            wait = None
            try:
                response = await client.request(method, path, json=body)
                self._refuse(response)
                if response.is_success:
                    return parse(_json(response))
                fault, wait = f"status {response.status_code}", _retry_after(response)
            except (httpx.TransportError, BrokenAnswerError) as error:
                fault = f"{type(error).__name__}: {error}".rstrip(": ")
            pause = max(self._pause(attempt), wait or 0.0)
            deadline = deadline or time.monotonic() + self.patience_seconds
            if time.monotonic() + pause > deadline:
                raise UserError(
                    f"the server still fails after {self.patience_seconds:g} s: {fault}",
                    where=self.base_url,
                    fix="nothing is lost; start it again and give the same command",
                ) from None
            await asyncio.sleep(pause)
            attempt += 1

    def _pause(self, attempt: int) -> float:
        """Seconds: between half and all of a wait that doubles."""
        return min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 16)) * self.random.uniform(0.5, 1.0)

    def _refuse(self, response: httpx.Response) -> None:
        """Raise for what repeating cannot help."""
        status = response.status_code
        if response.is_success or status >= 500 or status in PASSING:
            return
        if status in (401, 403):
            fix = f"put a valid key into the environment variable {self.key_variable}"
        elif status == 404:
            fix = "check the base URL, which usually ends in /v1, and engine.served_model"
        else:
            fix = None
        raise UserError(f"the server refuses: {status} {_message(response)}", where=self.base_url, fix=fix)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise BrokenAnswerError(f"not JSON ({error})") from error


def _message(response: httpx.Response) -> str:
    """What the server says about it, on one line."""
    try:
        body = response.json()
        said = body.get("error", body)
        text = str(said.get("message", said) if isinstance(said, dict) else said)
    except (ValueError, AttributeError):
        text = response.text
    return " ".join(text.split())[:300]


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks us to wait: a number, or a date."""
    value = response.headers.get("retry-after")
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
