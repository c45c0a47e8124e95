"""What was measured, and how sure it is: statistics, scores, contamination, regressions, published scores."""
