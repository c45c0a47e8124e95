"""Rows of the common benchmarks as `Problem` records, one file a format."""
