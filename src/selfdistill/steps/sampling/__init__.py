"""Step 1 of SSD: completions from the frozen base (`generate`), and their soft targets on disk (`targets`)."""
