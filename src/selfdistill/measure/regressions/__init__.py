"""What got worse? Base and student on other tasks than the one that the student was trained for, at equal decodings.

Programs of other kinds, structured text, plain text, benchmarks, and any task of lm-eval; see docs/regressions.md.
"""
