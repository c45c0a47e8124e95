"""Benchmarks as problems: load them from local files or from the hub, ask a model, and turn its answers into programs.

from selfdistill.benchmarks import load_benchmark, assemble_program
problems = load_benchmark("HumanEval.jsonl.gz")
"""

from selfdistill.benchmarks.answers import assemble_program, extract_code
from selfdistill.benchmarks.loading import load_benchmark
from selfdistill.benchmarks.prompting import problem_prompt

__all__ = ["assemble_program", "extract_code", "load_benchmark", "problem_prompt"]
