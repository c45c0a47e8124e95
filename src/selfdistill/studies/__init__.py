"""Several runs side by side: cells of a grid that share whatever they have in common, and what they show together."""
