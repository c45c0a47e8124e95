"""The table of studies, from which their commands are made.

A study whose options are texts is a line here and a module in `studies`; one whose command takes something else is
written out in a file beside this one.
"""

from __future__ import annotations

from collections.abc import Callable

from selfdistill.cli.agreement import agreement
from selfdistill.cli.decoding_baselines import decoding_baselines
from selfdistill.cli.preview import advise, preview
from selfdistill.cli.rounds import rounds
from selfdistill.cli.seeds import seeds
from selfdistill.cli.study import Study
from selfdistill.cli.sweep import sweep

STUDIES: tuple[Study | Callable[..., None], ...] = (
    seeds,
    preview,
    advise,
    sweep,
    Study(
        "curve",
        "selfdistill.studies.curve",
        "Learning curves of hard targets, soft targets and existing texts.",
        "embedded --sequences 1000,3000,9000 --variants hard,soft,texts",
        {
            "sequences": (None, "Training sequences."),
            "variants": ("hard,soft", "hard, soft, texts, or texts:SOURCE."),
        },
        seeds=5,
    ),
    rounds,
    Study(
        "method-baselines",
        "selfdistill.studies.method_baselines",
        "Compare with online resampling, filters by compiler, lint, agreement and tests, and controls.",
        "demo --methods ssd,soft,passing --seeds 3",
        {
            "methods": (
                "ssd,soft,texts,online,fixed-point,plain,shuffled,compiles,lint,passing",
                "Which, see the page on related methods.",
            )
        },
    ),
    Study(
        "arms",
        "selfdistill.studies.arms",
        "Run the arms of an experiment, each with some keys changed, one after the other, into one table.",
        "demo --arms arms.yaml",
        {
            "arms": (None, "A YAML file: NAME: {title: TEXT, set: {KEY: VALUE}}."),
            "only": ("", "Some arms of it, in this order."),
        },
    ),
    decoding_baselines,
    agreement,
)
