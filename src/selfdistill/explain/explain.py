"""Two models, looked at token by token: how base and student differ at locks and at forks.

Runs both models over given completions in chunks and reduces them to an `ExplainResult`. The page made of it is in
`page.py`; from a run directory in `run_input.py`. Everything is measured on contexts that the base visited, as in the
paper's argument (Sec. 4.3); where the student goes on its own, the evaluation measures, not this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from selfdistill.engines.shared import shared_model
from selfdistill.engines.stream import Chunk, Contexts, stream_logits
from selfdistill.errors import UserError
from selfdistill.explain.breaks import Break, LocatedBreak, break_rows, find_breaks, token_class
from selfdistill.explain.choose import evenly, programs_to_show
from selfdistill.explain.measured import Measured
from selfdistill.explain.measures import measure
from selfdistill.explain.movers import Movers
from selfdistill.explain.records import ExplainResult, Graded, Mover, PreviewGap, Program
from selfdistill.explain.sums import Sums
from selfdistill.explain.view import Viewer
from selfdistill.models.tokenizers import load_tokenizer
from selfdistill.recipe.decoding import Decoding
from selfdistill.recipe.explain import AnalysisSettings
from selfdistill.recipe.model import ModelSettings
from selfdistill.records import Prompt, Sample

Progress = Callable[[int], None]
"""Called with the number of positions measured since the last call."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The two models with what every pass over them needs."""

    base: Any
    student: Any
    viewer: Viewer
    sampling: Decoding
    evaluation: Decoding
    settings: AnalysisSettings

    def stream(self, contexts: Sequence[Contexts]) -> Any:
        """Chunks of both models' logits over these completions."""
        return stream_logits((self.base, self.student), contexts, self.settings.chunk_logits)

    def measure(self, chunk: Chunk) -> Measured:
        """All numbers of a chunk."""
        return measure(chunk, self.sampling, self.evaluation, self.settings)


@torch.inference_mode()
def explain_models(
    base_dir: str,
    student_dir: str,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    sampling: Decoding,
    settings: AnalysisSettings,
    *,
    evaluation: Decoding | None = None,
    graded: Sequence[Graded] = (),
    preview: Sequence[PreviewGap] = (),
    dtype: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> ExplainResult:
    """Measure and show what training changed.

    Args:
        base_dir: directory or hub id of the base model.
        student_dir: of the student; same vocabulary.
        prompts: all that `samples` and `graded` answer.
        samples: completions that the base sampled; the numbers and curves are means over their positions.
        sampling: T_train and rho_train, which define q_s and its support.
        settings: thresholds and sizes.
        evaluation: T_eval and rho_eval of the curves and of the gain; by default the sampling decoding.
        graded: programs of base and student with verdicts, for where programs break.
        preview: the ideal-fit preview's scores, passed on to the page.
        dtype: of the weights, as in the recipe's model section.
        device: the same.
        progress: told of measured positions.

    Raises:
        UserError: no samples, greedy sampling, models that cannot be loaded or do not share a vocabulary.
    """
    chosen = _chosen(samples, sampling, settings.samples)
    pair = _load(base_dir, student_dir, sampling, evaluation or sampling, settings, dtype, device)
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    sums, movers = _measure_all(pair, chosen, by_id, progress)
    breaks = find_breaks(graded)
    kinds = sums.kind_rows()
    return ExplainResult(
        base=str(base_dir),
        student=str(student_dir),
        sampling=sampling.label,
        evaluation=pair.evaluation.label,
        fork_tokens=settings.fork_tokens,
        samples=len(chosen),
        positions=kinds[0].positions,
        matched=float(sums.matched.sum() / max(1.0, sums.positions.sum())),
        residual=sums.residual,
        kinds=kinds,
        sensitivity=sums.threshold_rows(),
        curves=sums.curves(),
        movers=movers,
        programs=_show(pair, programs_to_show(chosen, graded, breaks, by_id, settings)),
        breaks=break_rows(graded, _locate(pair, breaks, by_id)) if breaks else (),
        preview=tuple(preview),
    )


def _chosen(samples: Sequence[Sample], sampling: Decoding, size: int) -> list[Sample]:
    """Those that are measured."""
    if sampling.greedy:
        raise UserError("greedy sampling has no support to explain", fix="give a temperature above 0")
    chosen = evenly([sample for sample in samples if sample.token_ids], size)
    if not chosen:
        raise UserError("there are no samples to explain", fix="sample first")
    return chosen


def _load(
    base_dir: str,
    student_dir: str,
    sampling: Decoding,
    evaluation: Decoding,
    settings: AnalysisSettings,
    dtype: str,
    device: str,
) -> Pair:
    def of(path: str) -> ModelSettings:
        return ModelSettings.model_validate({"path": str(path), "dtype": dtype, "device": device})

    viewer = Viewer(load_tokenizer(str(base_dir)), settings)
    models = shared_model(of(base_dir)), shared_model(of(student_dir))
    return Pair(*models, viewer, sampling, evaluation, settings)


def _measure_all(
    pair: Pair, samples: Sequence[Sample], prompts: dict[str, Prompt], progress: Progress | None
) -> tuple[Sums, tuple[Mover, ...]]:
    """One pass over all chosen samples: sums for the means, and the biggest movers."""
    sums, movers = Sums(len(samples), pair.settings), Movers(pair.viewer)
    contexts = [Contexts(prompts[sample.prompt_id].token_ids, sample.token_ids) for sample in samples]
    names = [sample.prompt_id for sample in samples]
    for chunk in pair.stream(contexts):
        measured = pair.measure(chunk)
        sums.add(chunk.rows.numpy(), measured)
        movers.add(chunk, measured, contexts, names)
        if progress:
            progress(len(chunk.rows))
    return sums, movers.biggest()


def _show(pair: Pair, programs: Sequence[tuple[Program, Sample]]) -> tuple[Program, ...]:
    """Fill in the positions of the programs on the page."""
    contexts = [
        Contexts(program.prompt.token_ids, sample.token_ids[: pair.settings.shown_tokens])
        for program, sample in programs
    ]
    positions: list[dict[int, Any]] = [{} for _ in programs]
    for chunk in pair.stream(contexts):
        measured = pair.measure(chunk)
        for entry, row in enumerate(chunk.rows.tolist()):
            positions[row][int(chunk.offsets[entry])] = pair.viewer.position(chunk, measured, entry)
    return tuple(
        replace(program, positions=tuple(positions[row][offset] for offset in sorted(positions[row])))
        for row, (program, _) in enumerate(programs)
    )


def _locate(pair: Pair, breaks: Sequence[Break], prompts: dict[str, Prompt]) -> list[LocatedBreak]:
    """Lock or fork, of each place where a failing program left the passing ones."""
    inside = [each for each in breaks if each.offset < len(each.graded.sample.token_ids)]
    contexts = [
        Contexts(prompts[each.graded.sample.prompt_id].token_ids, each.graded.sample.token_ids[: each.offset + 1])
        for each in inside
    ]
    offsets = torch.tensor([each.offset for each in inside])
    special = set(pair.viewer.tokenizer.all_special_ids)
    located = []
    for chunk in pair.stream(contexts):
        wanted = (chunk.offsets == offsets[chunk.rows]).nonzero().squeeze(-1)
        if not len(wanted):
            continue
        last = chunk.at(wanted)
        measured = pair.measure(last)
        for entry, row in enumerate(last.rows.tolist()):
            token = int(last.drawn[entry])
            position = pair.viewer.position(last, measured, entry)
            on_support = any(choice.drawn and choice.target > 0 for choice in position.choices)
            kind_of_token = token_class(position.text, special=token in special)
            located.append(LocatedBreak(inside[row].graded, position.kind, kind_of_token, on_support))
    return located
