"""Can a smarter decoder do it without training? Rival decodings, tuned on validation problems, tested once.

`grid` says what is tried, `compare` evaluates and chooses, `result` makes the numbers, `words` prints them. See
docs/decoding-baselines.md.
"""
