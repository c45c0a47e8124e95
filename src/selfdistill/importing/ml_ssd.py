"""Apple's ml-ssd, the paper's own code: `data_generation/config.yaml` and the options of `generate.py`.

It generates and filters; its fine-tuning was not published. So the training section is the paper's (Sec. 3), which is
the recipe's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfdistill.errors import UserError
from selfdistill.importing.imported import Draft, Imported, evaluation_for

PROGRAM = "ml-ssd"
SECTIONS = {"model", "dataset", "output", "generation", "post_process"}
STEPS = 2500
"""The paper's, for its instruct models."""


def is_ml_ssd(settings: Mapping[str, Any]) -> bool:
    """Whether these are ml-ssd's sections."""
    return {"model", "dataset", "generation"} <= settings.keys()


def from_ml_ssd(
    settings: Mapping[str, Any], options: Mapping[str, Any] | None = None, *, benchmark: str | None = None
) -> Imported:
    """The recipe of an ml-ssd configuration.

    Args:
        settings: the YAML file's sections.
        options: of `generate.py`: temperature, model_name, dataset_name, limit.
        benchmark: to judge by, if not the built-in recipe's of this model.

    Raises:
        UserError: no model or no data set is named.
    """
    sections = {name: dict(settings.get(name) or {}) for name in SECTIONS}
    options, draft = dict(options or {}), Draft()
    model = options.get("model_name") or sections["model"].get("name")
    source = options.get("dataset_name") or sections["dataset"].get("name")
    if not model or not source:
        raise UserError("no model or no data set is named", where=PROGRAM, fix="set model.name and dataset.name")
    draft.note(
        "ml-ssd sampled from the prompts without the chat template, and made chats of them and their answers' stripped "
        "text for training. Here the template is applied in both, and training is on exactly the sampled tokens."
    )
    draft.note("ml-ssd has no fine-tuning; the training is the paper's.")
    draft.set("name", f"{str(model).rstrip('/').rpartition('/')[2].lower()}-ssd")
    draft.set("model.path", str(model))
    draft.set("model.dtype", "bfloat16")
    _engine(sections["model"], draft)
    _prompts(sections["dataset"], str(source), options.get("limit"), draft)
    tokens = _sampling(sections, options, draft)
    draft.set("training.steps", STEPS)
    evaluation_for(draft, str(model), benchmark, tokens)
    unknown = sorted(set(settings) - SECTIONS)
    if unknown:
        draft.note(f"Left out, because a recipe has no such setting: {', '.join(unknown)}.")
    return Imported(PROGRAM, draft.tree, tuple(draft.differs))


def _engine(model: Mapping[str, Any], draft: Draft) -> None:
    names = ("tensor_parallel_size", "gpu_memory_utilization")
    draft.set("engine.kind", "vllm")
    draft.set("engine.options", {name: model[name] for name in names if name in model} or None)


def _prompts(dataset: Mapping[str, Any], source: str, limit: int | None, draft: Draft) -> None:
    draft.set("prompts.source", source)
    draft.set("prompts.subset", dataset.get("config"))
    draft.set("prompts.split", dataset.get("split", "train"))
    draft.set("prompts.columns", {"statement": "question", "starter_code": "starter_code"})
    draft.set("prompts.deduplicate", False)
    draft.note("ml-ssd does not remove prompts that occur twice, which the paper does: prompts.deduplicate: true.")
    if limit:
        draft.set("prompts.limit", limit)
        draft.note("limit: a random subset of that many prompts here; there the first ones.")


def _sampling(sections: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any], draft: Draft) -> int:
    """Decoding and filter, with `generate.py`'s defaults; gives the limit of an answer's tokens."""
    generation = sections["generation"]
    temperature = options.get("temperature", generation.get("temperature", 1.6))
    decoding = {"temperature": temperature, "top_k": generation.get("top_k", 20), "top_p": generation.get("top_p", 0.8)}
    tokens = int(generation.get("max_tokens", 65536))
    draft.set("sampling.decoding", decoding)
    draft.set("sampling.max_new_tokens", tokens)
    if generation.get("repetition_penalty", 1.0) != 1.0:
        draft.note("Samples are drawn without repetition_penalty: they would not be samples of q_s.")
    share = float(sections["post_process"].get("filter_shortest_percent", 10.0)) / 100
    draft.set("training.drop_shortest", share)
    if share:
        draft.note(
            "The shortest answers are left out by their tokens here; there by their characters, empty ones first."
        )
    return tokens
