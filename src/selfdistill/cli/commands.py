"""The table of commands, as `selfdistill --help` groups them."""

from __future__ import annotations

from selfdistill.cli.studies import STUDIES
from selfdistill.cli.table import Command, Listed

PANELS: dict[str, tuple[Listed, ...]] = {
    "The whole loop": (
        Command("demo", "run", "Run the whole loop on the embedded model and problems: minutes on a laptop."),
        Command(
            "init",
            "init",
            "Write a recipe for a model that fits this machine, and say what a run of it will take. Runs nothing.",
        ),
        Command(
            "run",
            "run",
            "Run a recipe: sample, train, evaluate, report. The same command resumes a run that was stopped.",
        ),
    ),
    "Its steps": (
        Command(
            "sample",
            "stages",
            "Step 1: sample from the frozen base. With --recipe it begins a new run in DIR.",
        ),
        Command("train", "stages", "Step 2: fine-tune the base on its samples; resumes from the last checkpoint."),
        Command(
            "evaluate",
            "stages",
            "Step 3: decode base and student under every system, and grade the programs.",
        ),
        Command("report", "stages", "Write summary.json and report.html, and print the table."),
    ),
    "Checks": (
        Command(
            "check-base",
            "check_base",
            "Measure a model under a published protocol, beside the published number. The same command resumes.",
        ),
        Command(
            "compare",
            "compare",
            "Evaluate two existing models side by side and write the report of a run. Trains nothing; resumes.",
        ),
        Command(
            "contamination",
            "contamination",
            "Find prompts and samples that repeat a benchmark's problems: the same, nearly the same, or words in "
            "common.",
        ),
        Command(
            "regressions",
            "regressions",
            "Compare base and student on other tasks at equal decodings, and put it into the run's report. It resumes.",
        ),
        Command(
            "explain",
            "explain",
            "See a lock turn into a spike and a fork stay a plateau, on your own model and programs.",
        ),
    ),
    "Studies: several runs side by side": STUDIES,
    "Tools": (
        Command(
            "recipes",
            "recipes",
            "List the built-in recipes, or print one to start your own from: first the keys that people change first.",
        ),
        Command(
            "import-ssd",
            "import_ssd",
            "Translate settings of TRL's removed SSDTrainer, or of Apple's ml-ssd, to a recipe; says what will differ.",
            takes_unknown_options=True,
        ),
        Command(
            "prompts",
            "prompts",
            "Write prompts to a file, and say how many were dropped, why, and how different the others are. Resumes.",
        ),
        Command(
            "doctor",
            "doctor",
            "Say which engines, extras and sandbox features this machine has, and how to get the others.",
        ),
        Command(
            "plan",
            "plan",
            "Estimate tokens, GPU hours, disk and memory of a recipe, and where the time goes. Runs nothing.",
        ),
        Command("grade", "grade", "Grade completions: run each program in a sandbox, write its verdict, print pass@k."),
        Command(
            "try",
            "try_",
            "Ask base and student the same thing, side by side, each at its own decoding; /run runs what they write.",
        ),
        Command(
            "export",
            "export",
            "Write a student for llama.cpp, Ollama and LM Studio (GGUF), or its adapters for PEFT.",
        ),
        Command(
            "push",
            "push",
            "Upload a run's student, with its card, to the Hugging Face hub. The card holds the recipe and the "
            "results.",
        ),
        Command("toy", "toy", "Why self-distillation can work, in a machine small enough to solve exactly."),
    ),
}
