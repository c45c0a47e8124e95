"""Any server that speaks OpenAI's completions API and returns token ids: vLLM's is the one that this is tested with.

Prompts go out as token ids, completions come back as token ids, each with a seed of its own. The server's promises are
probed once, before anything is sampled: token ids come back, top-k is honoured, log-probabilities are those of the
decoded distribution. What is missing is an error, except the last: without it only soft targets are refused, and
samples carry no log-probabilities. A server decodes in one stage; the two-stage preview runs elsewhere
(`load.engine_for`).

    python -m vllm.entrypoints.openai.api_server --model DIR --logprobs-mode processed_logprobs --max-logprobs 64
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from selfdistill.engines.answers import Answer, read_answer, to_completion
from selfdistill.engines.asking import BrokenAnswerError, Server
from selfdistill.engines.base import Completion, Progress, Request
from selfdistill.errors import UserError
from selfdistill.models.configs import context_length, load_config
from selfdistill.models.endings import end_of_turn_ids
from selfdistill.models.tokenizers import read_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.seeds import integer_seed

if TYPE_CHECKING:
    import httpx

    from selfdistill.recipe.engine import EngineSettings
    from selfdistill.recipe.model import ModelSettings

PROBE_TOKENS = 8
PROBE_TEMPERATURE = 2.0
"""The highest that OpenAI's API allows: a server that ignores top-k then draws different tokens for different seeds."""

EXACT = {"return_token_ids": True, "return_tokens_as_token_ids": True, "repetition_penalty": 1.0, "min_p": 0.0}
"""In every request: tokens by id, and nothing left to the defaults that a server takes from the model's directory."""


@dataclass(frozen=True)
class OpenAIEngine:
    """A model on a server. `context` as in `Engine`."""

    server: Server
    model: str
    end_of_turn: tuple[int, ...]
    context: int
    concurrency: int
    processed: bool
    """Whether the server's log-probabilities are those of the distribution that was drawn from."""

    def generate(
        self,
        requests: Sequence[Request],
        *,
        max_new_tokens: int,
        targets: bool = False,
        progress: Progress | None = None,
    ) -> list[Completion]:
        """See `Engine.generate`. Whether equal requests get equal bits is up to the server; the seeds are equal.

        Raises:
            UserError: the server refuses, fails for longer than the patience, or cannot give the soft targets.
        """
        decodings = [_decoding(request) for request in requests]
        if targets and not self.processed and not all(decoding.greedy for decoding in decodings):
            raise UserError(
                "the server's log-probabilities are not those of the decoded distribution",
                where=self.server.base_url,
                fix="start vLLM with --logprobs-mode processed_logprobs, or set training.targets: hard",
            )
        bodies = [
            self._body(request, decoding, max_new_tokens, targets)
            for request, decoding in zip(requests, decodings, strict=True)
        ]
        return asyncio.run(self._answers(bodies, decodings, targets, progress))

    def close(self) -> None:
        """Nothing is held between calls."""

    def _body(self, request: Request, decoding: Decoding, max_new_tokens: int, targets: bool) -> dict[str, Any]:
        seed, *key = request.stream
        return {
            "model": self.model,
            "prompt": list(request.token_ids),
            "max_tokens": min(max_new_tokens, self.context - len(request.token_ids)),
            "seed": integer_seed(int(seed), *key),
            "stop_token_ids": list(self.end_of_turn),
            "logprobs": decoding.top_k if targets and not decoding.greedy else 0,
            **({"stop": list(request.stop)} if request.stop else {}),
            **EXACT,
            **decoding_fields(decoding),
        }

    async def _answers(
        self, bodies: list[dict[str, Any]], decodings: list[Decoding], targets: bool, progress: Progress | None
    ) -> list[Completion]:
        """Ask everything, at most `concurrency` at a time; each answer is kept in its request's place, once."""
        completions: list[Completion | None] = [None] * len(bodies)
        waiting = iter(zip(range(len(bodies)), bodies, decodings, strict=True))

        def parse(greedy: bool, body: Any) -> Completion:
            answer = read_answer(body)
            if not answer.stop_string:
                self._check_end(answer)
            return to_completion(answer, greedy=greedy, processed=self.processed, targets=targets)

        async def work(client: httpx.AsyncClient) -> None:
            for index, body, decoding in waiting:
                read = partial(parse, decoding.greedy)
                completions[index] = completion = await self.server.ask(client, "POST", "completions", body, read)
                if progress:
                    progress(1, len(completion.token_ids), int(completion.finish_reason == "length"))

        try:
            async with self.server.client(self.concurrency) as client, asyncio.TaskGroup() as group:
                for _ in range(min(self.concurrency, len(bodies))):
                    group.create_task(work(client))
        except* UserError as errors:
            raise errors.exceptions[0] from None
        assert all(completion is not None for completion in completions)
        return [completion for completion in completions if completion is not None]

    def _check_end(self, answer: Answer) -> None:
        if answer.finish_reason == "stop" and answer.token_ids and answer.token_ids[-1] not in self.end_of_turn:
            raise UserError(
                "the server leaves the end-of-turn token out of the completion's token ids",
                where=self.server.base_url,
                fix="the student would never learn to stop; use vLLM's server, or engine.kind: vllm",
            )


def _decoding(request: Request) -> Decoding:
    (decoding,) = request.stages
    assert isinstance(decoding, Decoding), "engine_for runs other rules elsewhere"
    return decoding


def decoding_fields(decoding: Decoding) -> dict[str, Any]:
    """The decoding in a request's words; top_k is vLLM's and SGLang's addition to OpenAI's."""
    if decoding.greedy:
        return {"temperature": 0.0}
    return {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": decoding.top_k or -1}


def load(settings: ModelSettings, engine: EngineSettings, path: str | None, ends: tuple[int, ...]) -> OpenAIEngine:
    """See `engines.load.load_engine`."""
    url = engine.student_base_url if path else engine.base_url
    if url is None:
        raise UserError(
            "the student is ready to be evaluated, and no server has it yet",
            where="engine.student_base_url",
            fix=f"serve {path} and run again with --set engine.student_base_url=http://HOST:PORT/v1",
        )
    source, revision = path or settings.path, None if path else settings.revision
    return connect(
        Server(url, engine.key_variable, engine.timeout_seconds, engine.patience_seconds),
        model=engine.served_model,
        end_of_turn=end_of_turn_ids(source, revision, ends),
        context=context_length(load_config(source, revision)),
        concurrency=engine.batch_size,
        probe=read_tokenizer(source, revision)("def add(a, b):\n    return ").input_ids,
    )


def connect(
    server: Server,
    *,
    model: str | None,
    end_of_turn: tuple[int, ...],
    context: int,
    concurrency: int,
    probe: Sequence[int],
) -> OpenAIEngine:
    """Find the model on the server and probe what the server can do.

    Args:
        server: where.
        model: its name there; None takes the only one.
        end_of_turn: ids that end a turn.
        context: tokens of prompt and completion; a smaller limit of the server's counts.
        concurrency: requests in flight.
        probe: token ids of an ordinary prompt. (After a lone padding token all logits may tie.)

    Raises:
        UserError: it cannot be reached, has another model or several, returns no token ids, or ignores top-k.
    """
    return asyncio.run(_connect(server, model, end_of_turn, context, concurrency, list(probe)))


async def _connect(
    server: Server,
    model: str | None,
    end_of_turn: tuple[int, ...],
    context: int,
    concurrency: int,
    probe: list[int],
) -> OpenAIEngine:
    async with server.client(1) as client:
        listed = await server.ask(client, "GET", "models", None, _models)
        name = model or _only(listed, server)
        if name not in listed:
            raise UserError(
                f"the server has no model {name}; it lists {', '.join(listed)}",
                where=server.base_url,
                fix="set engine.served_model",
            )
        body = {
            "model": name,
            "prompt": probe,
            "max_tokens": PROBE_TOKENS,
            "logprobs": 2,
            **EXACT,
            **decoding_fields(Decoding(temperature=PROBE_TEMPERATURE, top_k=1)),
        }
        first, second = [
            await server.ask(client, "POST", "completions", {**body, "seed": seed}, read_answer) for seed in (1, 2)
        ]
    _require_token_ids(first, server)
    if first.token_ids != second.token_ids:
        raise UserError(
            "the server ignores top_k: it would draw from another distribution", where=server.base_url, fix="use vLLM's"
        )
    return OpenAIEngine(
        server=server,
        model=name,
        end_of_turn=end_of_turn,
        context=min(context, listed[name] or context),
        concurrency=concurrency,
        # Under top-k 1 the decoded distribution is a point: every other token that is listed shows the raw one.
        processed=bool(first.alternatives) and all(len(position) == 1 for position in first.alternatives),
    )


def _models(body: Any) -> dict[str, int | None]:
    """Names of the models that a server lists, with their context where it is said."""
    try:
        return {str(model["id"]): model.get("max_model_len") for model in body["data"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise BrokenAnswerError("not a list of models") from error


def _only(listed: dict[str, int | None], server: Server) -> str:
    if len(listed) != 1:
        raise UserError(
            f"the server lists {len(listed)} models: {', '.join(listed)}",
            where=server.base_url,
            fix="set engine.served_model",
        )
    return next(iter(listed))


def _require_token_ids(answer: Answer, server: Server) -> None:
    if not answer.token_ids:
        raise UserError(
            "the server returns no token ids, and text must not be tokenised again",
            where=server.base_url,
            fix="use vLLM 0.10.2 or newer, or engine.kind: vllm",
        )
