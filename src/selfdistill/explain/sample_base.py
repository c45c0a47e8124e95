"""Samples for two models that come without a run: the base answers some prompts, once each."""

from __future__ import annotations

from selfdistill.engines.base import Request
from selfdistill.engines.on_demand import on_demand
from selfdistill.engines.text import Detokenizer
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.problems.prepare import prepare_prompts
from selfdistill.problems.render import Renderer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.recipe.prompts import PromptSettings
from selfdistill.records import Prompt, Sample

BATCH = 32


def sample_base(
    base: str, source: PromptSettings, sampling: Decoding, *, max_new_tokens: int, seed: int
) -> tuple[list[Prompt], list[Sample]]:
    """Prompts of a source and one completion of each, by the base.

    Args:
        base: directory or hub id.
        source: where the prompts come from; its limit is the number of completions.
        sampling: T_train and rho_train.
        max_new_tokens: completions are cut off here.
        seed: of the choice of prompts and of the drawing.

    Raises:
        UserError: the source or the model cannot be read, or no prompt is left.
    """
    tokenizer = load_tokenizer(base)
    renderer = Renderer(tokenizer, source)
    detokenizer = Detokenizer(tokenizer)
    with on_demand(ModelSettings(path=base), EngineSettings(batch_size=BATCH), ends=renderer.end_of_answer) as load:
        engine = load()
        prompts, _ = prepare_prompts(renderer, seed=seed, context=engine.context)
        requests = [Request(each.token_ids, (seed, "explain", each.prompt_id, 0), (sampling,)) for each in prompts]
        completions = engine.generate(requests, max_new_tokens=max_new_tokens)
    samples = [
        Sample(
            prompt.prompt_id,
            0,
            completion.token_ids,
            completion.finish_reason,
            completion.logprobs,
            prompt.answer_start + detokenizer.text(prompt.token_ids, completion.token_ids),
        )
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    return prompts, samples
