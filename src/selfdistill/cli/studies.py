"""The table of studies, from which their commands are made.

A study whose options are texts is a line here and a module in `studies`; one whose command takes something else is
written out in a file beside this one.
"""

from __future__ import annotations

from selfdistill.cli.table import Command, Listed, Study

STUDIES: tuple[Listed, ...] = (
    Command(
        "seeds",
        "seeds",
        "Run a recipe under several seeds and print how sure the gain is. The same command resumes.",
    ),
    Command(
        "preview",
        "preview",
        "Score an ideally fitted student over a whole grid, without training. The same command resumes.",
    ),
    Command(
        "advise",
        "preview",
        "Recommend T_train, truncation and T_eval from a preview, and say how sure that is.",
    ),
    Command(
        "sweep",
        "sweep",
        "Train and evaluate over a grid; samples, students and the base's scores are shared. The same command resumes.",
    ),
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
    Command(
        "rounds",
        "rounds",
        "Repeat the loop from the last student: does it keep gaining, does it collapse? The same command resumes.",
    ),
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
    Command(
        "decoding-baselines",
        "decoding_baselines",
        "Compare SSD with decoders: min-p, top-n-sigma, adaptive temperatures, Python syntax. Nothing is trained.",
    ),
    Command(
        "agreement",
        "agreement",
        "Of several answers to a problem, give one of the largest group that agrees on inputs from the statement "
        "alone.",
    ),
)
