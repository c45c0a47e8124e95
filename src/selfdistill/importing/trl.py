"""TRL's `SSDTrainer` (experimental, versions 1.2 to 1.15): its `SSDConfig` and its script's arguments.

It was removed in 1.16. Defaults are those of the last version, read from its source.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfdistill.errors import UserError
from selfdistill.importing.imported import Draft, Imported, evaluation_for

PROGRAM = "TRL's SSDTrainer"
DEFAULTS: Mapping[str, Any] = {
    "model_revision": "main",
    "dataset_train_split": "train",
    "prompt_column": "prompt",
    "max_prompt_length": 512,
    "max_completion_length": 256,
    "num_generations": 1,
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "repetition_penalty": 1.0,
    "filter_empty": True,
    "disable_dropout": True,
    "num_iterations": 1,
    "num_train_epochs": 3.0,
    "max_steps": -1,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 5e-5,
    "lr_scheduler_type": "linear",
    "warmup_steps": 0,
    "warmup_ratio": 0,
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "optim": "adamw_torch",
    "bf16": True,
    "fp16": False,
    "gradient_checkpointing": True,
    "seed": 42,
    "save_steps": 500,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.05,
    "vllm_mode": "colocate",
    "vllm_tensor_parallel_size": 1,
}
NO_EFFECT = (
    *("output_dir", "run_name", "logging_", "log_", "eval_", "do_", "save_", "load_best", "metric_for", "greater_is"),
    *("dataloader_", "ddp_", "disable_tqdm", "remove_unused", "overwrite_", "hub_", "push_to_hub", "shuffle_dataset"),
    *("ds3_gather", "cache_implementation", "dataset_test_split", "dataset_streaming", "tf32", "no_", "label_names"),
    *("vllm_", "bnb_", "use_bnb", "lora_task_type", "model_init_kwargs", "steps_per_generation"),
    *("generation_batch_size", "project", "trackio_", "ignore_bias", "gradient_checkpointing_kwargs"),
)
"""Beginnings of names that change nothing in what is computed here; vLLM's own are read one by one."""


class _Given:
    """The settings, and which of them were looked at."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        value = self._settings.get(name)
        return DEFAULTS.get(name) if value is None else value

    def unseen(self) -> list[str]:
        """Names with a value that nobody has asked for, and that may matter."""
        return sorted(
            name
            for name, value in self._settings.items()
            if name not in self.seen and value not in (None, False) and not name.startswith(NO_EFFECT)
        )


def from_trl(settings: Mapping[str, Any], *, gpus: int = 1, benchmark: str | None = None) -> Imported:
    """The recipe of an `SSDConfig` and its script's arguments.

    Args:
        settings: by their names there; what is not given has SSDConfig's default.
        gpus: processes that trained together.
        benchmark: to judge by; SSDTrainer had none.

    Raises:
        UserError: no model or no data set is named.
    """
    given, draft = _Given(settings), Draft()
    draft.note(
        "SSDTrainer sampled each batch anew from the weights that were being trained. Here, as in the paper, the "
        "frozen base samples one completion for each prompt once, and every pass trains on these."
    )
    _model(given, draft)
    _prompts(given, draft)
    _sampling(given, draft)
    _training(given, draft, gpus)
    _optimizer(given, draft)
    _adapters(given, draft)
    _engine(given, draft)
    evaluation_for(draft, given["model_name_or_path"], benchmark, given["max_completion_length"] or 131072)
    if unseen := given.unseen():
        draft.note(f"Left out, because a recipe has no such setting: {', '.join(unseen)}.")
    return Imported(PROGRAM, draft.tree, tuple(draft.differs))


def _model(given: _Given, draft: Draft) -> None:
    name = given["model_name_or_path"]
    if not name:
        raise UserError("no model is named", where=PROGRAM, fix="add --model_name_or_path NAME")
    draft.set("name", f"{str(name).rstrip('/').rpartition('/')[2].lower()}-ssd")
    draft.set("seed", given["seed"])
    draft.set("model.path", str(name))
    draft.set("model.revision", None if given["model_revision"] == "main" else given["model_revision"])
    dtype = given["dtype"] or given["torch_dtype"]
    draft.set("model.dtype", dtype if dtype in ("float32", "bfloat16", "float16") else None)
    draft.set("model.attention", given["attn_implementation"])
    if dtype in ("bfloat16", "float16") or (dtype == "auto" and given["bf16"]):
        draft.note("SSDTrainer trained weights held in 16 bits; here those that are trained are held in float32.")
    if given["trust_remote_code"]:
        draft.note("trust_remote_code: a model's own code is never run here.")


def _prompts(given: _Given, draft: Draft) -> None:
    source = given["dataset_path"] or given["dataset_name"]
    if not source:
        raise UserError("no data set is named", where=PROGRAM, fix="add --dataset_name NAME")
    draft.set("prompts.source", str(source))
    draft.set("prompts.subset", given["dataset_config"])
    draft.set("prompts.split", given["dataset_train_split"])
    draft.set("prompts.columns.statement", given["prompt_column"])
    draft.set("prompts.template", "plain")
    draft.set("prompts.chat_template_arguments", given["chat_template_kwargs"])
    draft.set("prompts.deduplicate", False)
    draft.set("prompts.max_tokens", given["max_prompt_length"])
    draft.note(
        "SSDTrainer applied the chat template to prompts that are lists of messages, and to no others; here text gets "
        "it too, where the model has one. For prompts of text as they are: prompts.chat: never."
    )
    if given["max_prompt_length"]:
        draft.note("SSDTrainer cut longer prompts from the left; here they are left out, and counted.")


def _sampling(given: _Given, draft: Draft) -> None:
    decoding = {name: given[name] for name in ("temperature", "top_k", "top_p")}
    draft.set("sampling.decoding", decoding)
    draft.set("sampling.max_new_tokens", given["max_completion_length"])
    draft.set("sampling.samples_per_prompt", given["num_generations"] if given["num_generations"] != 1 else None)
    lost = [name for name in ("min_p", "generation_kwargs") if given[name]]
    lost += ["repetition_penalty"] if given["repetition_penalty"] != 1 else []
    if lost:
        draft.note(f"Samples are drawn without {', '.join(lost)}: they would not be samples of q_s.")
    if given["filter_empty"]:
        draft.note(
            "SSDTrainer left out completions that were empty or one line of under 10 characters; here it is the empty "
            "ones and, of answers to an instruction, all that are one line."
        )
    else:
        draft.note("filter_empty was off: empty completions and single-line stubs are left out here all the same.")


def _training(given: _Given, draft: Draft, gpus: int) -> None:
    micro = given["per_device_train_batch_size"]
    batch = micro * given["gradient_accumulation_steps"] * gpus
    draft.set("training.targets", "hard")
    steps = given["max_steps"] if given["max_steps"] > 0 else None
    epochs = None if steps else given["num_train_epochs"] * given["num_iterations"]
    draft.set("training.steps", steps)
    draft.set("training.epochs", epochs)
    draft.set("prompts.limit", -(-steps * batch // given["num_iterations"]) if steps else None)
    draft.set("training.batch_size", batch)
    draft.set("training.micro_batch_size", micro)
    if gpus == 1:
        draft.note(f"A step has {batch} sequences, as on one GPU. With N of them say --gpus N, which multiplies it.")
    if steps:
        draft.note(f"prompts.limit is what {steps} steps could use; prompts of a smaller data set are passed again.")
    lengths = (given["max_prompt_length"], given["max_completion_length"])
    draft.set("training.max_length", sum(lengths) if all(lengths) else None)
    draft.set("training.precision", "fp32" if given["bf16"] is False and not given["fp16"] else "bf16")
    draft.set("training.gradient_checkpointing", bool(given["gradient_checkpointing"]))
    draft.set("training.checkpoint_every", given["save_steps"] if given["save_steps"] >= 1 else None)
    draft.set("training.kernels", "liger" if given["use_liger_kernel"] else None)
    draft.set("training.compile", bool(given["torch_compile"]) or None)
    trackers = given["report_to"] or []
    listed = [trackers] if isinstance(trackers, str) else list(trackers)
    draft.set("training.report_to", [each for each in listed if each not in ("none", "all")] or None)
    if given["fp16"]:
        draft.note("fp16: forward and backward are in bfloat16 here.")
    if not given["disable_dropout"]:
        draft.note("disable_dropout was off: dropout in the model itself is what its configuration says.")


def _optimizer(given: _Given, draft: Draft) -> None:
    peak = given["learning_rate"]
    draft.set("training.learning_rate", peak)
    schedule = str(given["lr_scheduler_type"])
    least = dict(given["lr_scheduler_kwargs"] or {}).get("min_lr", 0.0)
    draft.set("training.min_learning_rate", peak if schedule.startswith("constant") else least)
    if not schedule.startswith(("constant", "cosine")):
        draft.note(f"The learning rate falls along a cosine here; it was {schedule!r}.")
    warmup, share = given["warmup_steps"], given["warmup_ratio"]
    if 0 < warmup < 1:
        share, warmup = warmup, 0
    if share and given["max_steps"] > 0:
        warmup = warmup or round(share * given["max_steps"])
    elif share and not warmup:
        draft.note(
            f"The warm-up was {share:.0%} of the steps, whose number follows from the data: set training.warmup_steps."
        )
    draft.set("training.warmup_steps", int(warmup))
    for name in ("weight_decay", "adam_beta1", "adam_beta2", "max_grad_norm"):
        draft.set(f"training.{name}", given[name])
    optimizer = str(given["optim"])
    eight = "8bit" in optimizer and "adamw" in optimizer
    draft.set("training.optimizer", "adamw_8bit" if eight else None)
    if "adamw" not in optimizer:
        draft.note(f"The optimizer is AdamW here; it was {optimizer}.")
    if given["adam_epsilon"] != DEFAULTS["adam_epsilon"]:
        draft.note("adam_epsilon is AdamW's default, 1e-8.")


def _adapters(given: _Given, draft: Draft) -> None:
    names = ("lora_r", "lora_alpha", "lora_dropout", "lora_target_modules", "load_in_4bit", "load_in_8bit")
    rank, alpha, dropout, modules, four, eight = (given[name] for name in names)
    if not given["use_peft"]:
        return
    draft.set("training.method", "qlora" if four or eight else "lora")
    draft.set("training.lora.rank", rank)
    draft.set("training.lora.alpha", alpha)
    draft.set("training.lora.dropout", dropout)
    listed = [modules] if isinstance(modules, str) else modules
    chosen = "all-linear" if listed == ["all-linear"] else listed
    draft.set("training.lora.target_modules", chosen or ["q_proj", "v_proj"])
    if not modules:
        draft.note("lora_target_modules was not given: q_proj and v_proj, PEFT's default for most models, are adapted.")
    if eight:
        draft.note("load_in_8bit: the base is held in 4 bits here (qlora).")


def _engine(given: _Given, draft: Draft) -> None:
    if not given["use_vllm"]:
        return
    options = {
        "tensor_parallel_size": given["vllm_tensor_parallel_size"],
        "gpu_memory_utilization": given["vllm_gpu_memory_utilization"],
        "max_model_len": given["vllm_max_model_length"],
    }
    draft.set("engine.kind", "vllm")
    draft.set("engine.options", {name: value for name, value in options.items() if value not in (None, 1)} or None)
    if given["vllm_mode"] == "server":
        draft.note("vllm_mode server: vLLM runs in this program here, as no weights have to be sent to it.")
