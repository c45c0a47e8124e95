"""The pages beside a run's report: explain, and the studies. Each takes a summary, computes and reads nothing."""
