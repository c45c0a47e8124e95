"""Settings of TRL's SSDTrainer and of ml-ssd: every one is either in the recipe or named among what differs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from selfdistill.cli.app import app
from selfdistill.errors import UserError
from selfdistill.importing.read import import_ssd
from selfdistill.importing.trl import DEFAULTS
from selfdistill.recipe import load_recipe

PUBLISHED = """python trl/experimental/ssd/ssd.py --model_name_or_path Qwen/Qwen3-4B-Instruct-2507
    --dataset_name microsoft/rStar-Coder --dataset_config seed_sft --prompt_column question
    --output_dir outputs/ssd-qwen3-4b --per_device_train_batch_size 1 --gradient_accumulation_steps 32
    --learning_rate 5e-6 --lr_scheduler_type cosine --max_prompt_length 1024 --max_completion_length 65536
    --num_generations 1 --temperature 1.6 --top_k 20 --top_p 0.8 --num_train_epochs 1 --bf16 --report_to wandb"""
"""The example in the script's own documentation."""
ML_SSD = """
model: {name: Qwen/Qwen3-4B-Instruct-2507, tensor_parallel_size: 2, gpu_memory_utilization: 0.85}
dataset: {name: microsoft/rStar-Coder, config: seed_sft, split: train}
output: {path: ./output}
generation: {temperature: 1.5, top_k: 20, top_p: 0.8, repetition_penalty: 1.0, max_tokens: 65536}
post_process: {filter_shortest_percent: 10}
"""
"""As published, on two GPUs."""
LEAST = ["--model_name_or_path", "me/model", "--dataset_name", "me/prompts"]


def differs(*words: str, **options) -> str:
    return "\n".join(import_ssd([*LEAST, *words], **options).differs)


def recipe(*words: str, **options):
    return import_ssd([*LEAST, *words], **options).recipe()


def test_the_published_command_line():
    imported = import_ssd(PUBLISHED.split(), gpus=8)
    made = imported.recipe()
    assert made.model.path == "Qwen/Qwen3-4B-Instruct-2507"
    assert (made.prompts.source, made.prompts.subset) == ("microsoft/rStar-Coder", "seed_sft")
    assert made.prompts.columns.statement == "question"
    assert (made.prompts.max_tokens, made.prompts.deduplicate, made.prompts.template) == (1024, False, "plain")
    assert made.sampling.decoding.temperature == 1.6
    assert (made.sampling.decoding.top_k, made.sampling.decoding.top_p) == (20, 0.8)
    assert made.sampling.max_new_tokens == 65536
    assert (made.training.batch_size, made.training.micro_batch_size, made.training.epochs) == (256, 1, 1)
    assert (made.training.learning_rate, made.training.min_learning_rate, made.training.warmup_steps) == (5e-6, 0, 0)
    assert made.training.report_to == ("wandb",)
    assert made.evaluation.student.temperature == 1.1
    assert "from the weights that were being trained" in imported.differs[0]
    assert not any("Left out" in each for each in imported.differs)


def test_what_is_not_given_has_ssdconfigs_default():
    made = recipe()
    assert (made.seed, made.training.batch_size, made.training.learning_rate) == (42, 8, 5e-5)
    assert (made.sampling.max_new_tokens, made.prompts.max_tokens, made.training.max_length) == (256, 512, 768)
    assert (made.training.epochs, made.training.weight_decay, made.training.adam_beta2) == (3, 0, 0.999)
    assert (made.sampling.decoding.temperature, made.sampling.decoding.top_k, made.sampling.decoding.top_p) == (1, 0, 1)
    assert made.training.method == "full"
    assert made.evaluation.benchmark == "livecodebench-v6"
    assert "'linear'" in differs()
    assert "recommend" in differs()


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ("--model_revision v2", "model.revision", "v2"),
        ("--dtype bfloat16", "model.dtype", "bfloat16"),
        ("--attn_implementation sdpa", "model.attention", "sdpa"),
        ("--dataset_train_split small", "prompts.split", "small"),
        ("--seed=7", "seed", 7),
        ("--num_train_epochs 2 --num_iterations 3", "training.epochs", 6),
        ("--max_steps 50", "training.steps", 50),
        ("--max_steps 50", "prompts.limit", 400),
        ("--max_steps 50 --num_iterations 2", "prompts.limit", 200),
        ("--max_steps 50 --warmup_ratio 0.1", "training.warmup_steps", 5),
        ("--max_steps 50 --warmup_steps 0.2", "training.warmup_steps", 10),
        ("--warmup_steps 20", "training.warmup_steps", 20),
        ("--lr_scheduler_type constant", "training.min_learning_rate", 5e-5),
        ("--no_bf16", "training.precision", "fp32"),
        ("--gradient_checkpointing False", "training.gradient_checkpointing", False),
        ("--optim adamw_bnb_8bit", "training.optimizer", "adamw_8bit"),
        ("--use_liger_kernel", "training.kernels", "liger"),
        ("--torch_compile", "training.compile", True),
        ("--save_steps 20", "training.checkpoint_every", 20),
        ("--report_to none", "training.report_to", ()),
        ("--report_to wandb trackio", "training.report_to", ("wandb", "trackio")),
        ("--num_generations 4", "sampling.samples_per_prompt", 4),
        ("--use_peft", "training.method", "lora"),
        ("--use_peft", "training.lora.target_modules", ("q_proj", "v_proj")),
        ("--use_peft --lora_target_modules all-linear", "training.lora.target_modules", "all-linear"),
        ("--use_peft --lora_target_modules q_proj o_proj", "training.lora.target_modules", ("q_proj", "o_proj")),
        ("--use_peft --lora_r 8 --lora_alpha 4", "training.lora.rank", 8),
        ("--use_peft --lora_dropout 0", "training.lora.dropout", 0),
        ("--use_peft --load_in_4bit", "training.method", "qlora"),
        ("--use_vllm --vllm_tensor_parallel_size 2", "engine.options", {"tensor_parallel_size": 2}),
        ("--use_vllm", "engine.kind", "vllm"),
        ("--max_grad_norm 0.5", "training.max_grad_norm", 0.5),
    ],
)
def test_each_setting_has_its_key(words, key, value):
    found = recipe(*words.split())
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_a_dictionary_is_json():
    made = recipe("--chat_template_kwargs", '{"enable_thinking": false}')
    assert made.prompts.chat_template_arguments == {"enable_thinking": False}
    made = recipe("--lr_scheduler_type", "cosine_with_min_lr", "--lr_scheduler_kwargs", '{"min_lr": 1e-6}')
    assert made.training.min_learning_rate == 1e-6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--min_p 0.1", "without min_p"),
        ("--repetition_penalty 1.1", "without repetition_penalty"),
        ("--trust_remote_code", "never run here"),
        ("--dtype bfloat16", "held in float32"),
        ("--optim adafactor", "it was adafactor"),
        ("--fp16", "bfloat16"),
        ("--filter_empty False", "filter_empty was off"),
        ("--use_peft --load_in_8bit", "4 bits"),
        ("--use_dora --use_peft", "Left out, because a recipe has no such setting: use_dora"),
        ("--neftune_noise_alpha 5", "neftune_noise_alpha"),
        ("--use_vllm --vllm_mode server", "vllm_mode server"),
        ("--warmup_ratio 0.1", "10% of the steps"),
        ("--adam_epsilon 1e-6", "adam_epsilon"),
        ("--gradient_accumulation_steps 4", "A step has 32 sequences"),
    ],
)
def test_what_a_recipe_cannot_say_is_named(words, said):
    assert said in differs(*words.split())
    assert said not in differs()


def test_what_changes_nothing_is_not_mentioned():
    quiet = "--output_dir x --logging_steps 1 --push_to_hub --shuffle_dataset False --dataloader_num_workers 4"
    assert differs(*quiet.split()) == differs()


def test_a_yaml_file_and_options_over_it(tmp_path):
    file = tmp_path / "ssd.yaml"
    file.write_text("model_name_or_path: me/model\ndataset_name: me/prompts\nlearning_rate: 1e-5\ntemperature: 0.9\n")
    for words in ([str(file), "--temperature", "1.3"], ["ssd.py", "--config", str(file), "--temperature=1.3"]):
        made = import_ssd(words).recipe()
        assert (made.training.learning_rate, made.sampling.decoding.temperature) == (1e-5, 1.3)


def test_a_whole_command_line_in_quotes():
    assert import_ssd([" ".join(PUBLISHED.split())]).tree == import_ssd(PUBLISHED.split()).tree


def test_ml_ssds_configuration(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(ML_SSD)
    imported = import_ssd([str(file)])
    made = imported.recipe()
    paper = load_recipe("qwen3-4b-instruct")
    assert made.model.path == paper.model.path
    assert made.prompts.columns.starter_code == "starter_code"
    assert (made.prompts.subset, made.prompts.template) == ("seed_sft", "auto")
    assert (made.sampling.decoding.temperature, made.sampling.max_new_tokens) == (1.5, 65536)
    assert made.training.drop_shortest == 0.1
    assert made.training == paper.training.model_copy(update={"drop_shortest": 0.1, "steps": made.training.steps})
    assert made.engine.options == {"tensor_parallel_size": 2, "gpu_memory_utilization": 0.85}
    assert made.evaluation.student == paper.evaluation.student
    assert any("without the chat template" in each for each in imported.differs)
    changed = import_ssd([str(file), "--temperature", "0.8", "--model-name", "me/other", "--limit", "50"]).recipe()
    assert (changed.sampling.decoding.temperature, changed.model.path, changed.prompts.limit) == (0.8, "me/other", 50)


def test_ml_ssds_defaults(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(
        "model: {name: me/model}\ndataset: {name: me/prompts, config: a}\ngeneration: {}\noutput: {path: x}\n"
    )
    made = import_ssd([str(file)]).recipe()
    assert (made.sampling.decoding.temperature, made.sampling.decoding.top_k) == (1.6, 20)
    assert made.training.drop_shortest == 0.1


def test_the_file_that_is_written_says_what_differs(tmp_path):
    out = tmp_path / "mine.yaml"
    done = CliRunner().invoke(app, ["import-ssd", "--out", str(out), "--gpus", "2", *LEAST, "--temperature", "1.6"])
    assert done.exit_code == 0, done.output
    imported = import_ssd([*LEAST, "--temperature", "1.6"], gpus=2)
    assert load_recipe(out) == imported.recipe()
    comments = re.sub(r"\n#   ", " ", "\n".join(line for line in out.read_text().splitlines() if line[0] == "#"))
    for each in imported.differs:
        assert f"# - {each}" in comments
        assert f"- {each}" in done.output
    again = CliRunner().invoke(app, ["import-ssd", "--out", str(out), *LEAST])
    assert isinstance(again.exception, UserError)
    printed = CliRunner().invoke(app, ["import-ssd", *LEAST])
    assert yaml.safe_load(printed.output)["model"]["path"] == "me/model"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--temperature", "1"], "no model is named"),
        (["--model_name_or_path", "x"], "no data set is named"),
        (["nothing"], "no settings in it"),
        (["nowhere.yaml"], "cannot be read"),
        ([*LEAST, "--temperature", "-1"], "temperature"),
        ([*LEAST, "--lora_r", "0", "--use_peft"], "training.lora.rank"),
    ],
)
def test_a_mistake_is_one_line(words, said):
    done = CliRunner().invoke(app, ["import-ssd", *words])
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)


def test_a_broken_file(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("a: [1")
    with pytest.raises(UserError, match="broken YAML"):
        import_ssd([str(file)])
    file.write_text("- 1")
    with pytest.raises(UserError, match="a mapping of names to values"):
        import_ssd([str(file)])


def test_every_default_is_looked_at():
    """A default that nobody reads would be a setting that silently does nothing."""
    source = (Path(__file__).parents[2] / "src/selfdistill/importing/trl.py").read_text()
    after = source.split("def from_trl")[1]
    for name in DEFAULTS:
        assert f'"{name}"' in after, name
