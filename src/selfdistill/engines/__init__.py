"""Engines generate completions: the interface (`base`) and one file for each engine."""
