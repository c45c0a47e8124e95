"""Stop strings and the text of completions, on real tokenizers of several kinds and a real model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from selfdistill.engines.base import Completion, Request, SparseTargets
from selfdistill.engines.load import load_engine
from selfdistill.engines.stops import StopStrings, cut_at_stop
from selfdistill.engines.text import Detokenizer
from selfdistill.files import read_records
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.engine import EngineSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample
from selfdistill.steps.sampling.generate import Job, generate_samples
from selfdistill.steps.sampling.targets import read_targets
from tiny_models import make_model, make_tokenizer


def sentencepiece_like() -> PreTrainedTokenizerFast:
    """Decodes as Llama 2's: words begin with a low line, bytes fall back, one space at the start is stripped."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += ["▁", "▁▁", "▁▁▁▁", "▁def", "▁return", "def", "x", "▁x", ":", ",", "▁,", "'s", "▁'", "s"]
    backend = Tokenizer(models.BPE(vocab={p: i for i, p in enumerate(pieces)}, merges=[], byte_fallback=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=True
    )


SENTENCEPIECE = sentencepiece_like()
BYTES = make_tokenizer(chat=True)


def ids(*pieces: str) -> list[int]:
    return SENTENCEPIECE.convert_tokens_to_ids(list(pieces))


@pytest.mark.parametrize(
    ("before", "completion", "text"),
    [
        (["<s>", "▁def", ":", "<0x0A>"], ["▁▁▁▁", "▁return"], "     return"),
        (["<s>"], ["▁return", "▁x"], " return x"),
        (["x"], ["▁,", "▁'", "s"], " , 's"),  # a clean-up of spaces would make it ", 's" or ",'s"
        (["x"], ["<0xC3>", "<0xA9>", "</s>"], "é"),
        (["x", "<0xC3>"], ["<0xA9>"], "\ufffd"),  # the character is half the prompt's
        ([], ["▁", "▁▁▁▁", "x"], "     x"),
    ],
)
def test_text_keeps_what_the_model_wrote(before: list[str], completion: list[str], text: str) -> None:
    found = Detokenizer(SENTENCEPIECE).text(ids(*before), ids(*completion))
    if before in ([], ["<s>"]):  # nothing visible before it: the text begins here, and the tokenizer strips one space
        text = text[1:]
    assert found == text


def test_marks_of_thoughts_stay_in_the_text() -> None:
    tokenizer = make_tokenizer(chat=True)
    tokenizer.add_tokens([AddedToken("<think>", special=True), AddedToken("</think>", special=True)])
    token_ids = tokenizer("<think>a</think>b<|end|>", add_special_tokens=False)["input_ids"]
    assert Detokenizer(tokenizer).text([], token_ids) == "<think>a</think>b"


@given(st.text(max_size=30), st.text(max_size=30))
def test_bytes_come_back_as_the_text(before: str, text: str) -> None:
    encode = lambda words: BYTES(words, add_special_tokens=False)["input_ids"]  # noqa: E731
    assert Detokenizer(BYTES).text(encode(before), encode(text)) == text


@given(st.text("ab\n é", max_size=40), st.lists(st.text("ab\n é", min_size=1, max_size=4), min_size=1, max_size=3))
def test_the_end_is_where_the_text_first_holds_a_string(text: str, strings: list[str]) -> None:
    token_ids = BYTES(text, add_special_tokens=False)["input_ids"]
    stops = StopStrings(BYTES, strings)
    ends = [
        count
        for count in range(1, len(token_ids) + 1)
        if any(string in bytes(text, "utf-8")[:count].decode(errors="ignore") for string in strings)
    ]
    assert stops.end([], token_ids) == (ends[0] if ends else None)
    found = [position for string in strings if (position := text.find(string)) >= 0]
    assert stops.before_stop(text) == (text[: min(found)] if found else text)


def test_a_string_that_begins_in_the_prompt_does_not_count() -> None:
    stops = StopStrings(SENTENCEPIECE, ["\n x", " x"])
    newline = ids("<0x0A>")
    assert stops.end(newline, ids("▁x")) == 1
    assert StopStrings(SENTENCEPIECE, ["\n x"]).end(newline, ids("▁x", "x", "x")) is None
    assert StopStrings(SENTENCEPIECE, ["x  d"]).end([], ids("x", "▁", "▁def", ":")) == 3


def test_a_completion_is_cut_with_its_targets() -> None:
    targets = SparseTargets(
        np.array([1, 2, 1], np.int32), np.array([7, 8, 9, 10], np.int32), np.array([1, 0.5, 0.5, 1], np.float32)
    )
    token_ids = tuple(ids("x", ":", "x"))
    cut = cut_at_stop(
        Completion(token_ids, "length", (-0.1, -0.2, -0.3), targets),
        Request((), (0, "a"), stop=(":",)),
        StopStrings(SENTENCEPIECE, [":"]),
    )
    assert (cut.token_ids, cut.finish_reason, cut.logprobs) == (token_ids[:2], "stop_string", (-0.1, -0.2))
    assert cut.targets is not None
    assert cut.targets.token_ids.tolist() == [7, 8, 9]
    assert cut.targets.support_sizes.tolist() == [1, 2]


def test_samples_end_at_a_stop_string_and_are_the_same_up_to_there(tmp_path) -> None:
    directory = make_model(tmp_path / "model")
    engine = load_engine(ModelSettings(path=str(directory), device="cpu"), EngineSettings(batch_size=8))
    tokenizer = load_tokenizer(str(directory))
    prompts = [Prompt(f"p{n}", "", tuple(range(40, 44 + n % 3)), answer_start="```\n") for n in range(12)]
    decoding = Decoding(temperature=1.5, top_k=60)

    def samples(name: str, stop: tuple[str, ...]) -> list[Sample]:
        job = Job(prompts, 1, (decoding,), 60, (5, "sample"), stop)
        folder = tmp_path / name
        generate_samples(
            job,
            folder / "samples.jsonl",
            load_engine=lambda: engine,
            tokenizer=tokenizer,
            shard_size=100,
            targets_dir=folder / "targets",
        )
        return list(read_records(folder / "samples.jsonl", Sample))

    free = samples("free", ())
    assert all(sample.text.startswith("```\n") for sample in free)
    letters = [sample.text[9] for sample in free if len(sample.text) > 9 and sample.text[9] != "\ufffd"]
    stop = tuple(sorted(set(letters))[:2])
    stopped = samples("stopped", stop)
    assert {sample.finish_reason for sample in stopped} > {"stop_string"}
    targets = list(read_targets(tmp_path / "stopped" / "targets"))
    whole_targets = list(read_targets(tmp_path / "free" / "targets"))
    for before, after, target, whole in zip(free, stopped, targets, whole_targets, strict=True):
        count = len(after.token_ids)
        assert after.token_ids == before.token_ids[:count]
        assert len(target.support_sizes) == count
        assert target.token_ids.tolist() == whole.token_ids[: target.support_sizes.sum()].tolist()
        assert not any(letter in after.text.removeprefix("```\n") for letter in stop)
        if after.finish_reason == "stop_string":
            last = tokenizer.decode(before.token_ids[:count])
            assert any(letter in last for letter in stop)
        else:
            assert after.token_ids == before.token_ids
