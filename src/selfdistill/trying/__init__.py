"""`selfdistill try`: base and student asked the same thing, side by side in the terminal, and what they write run."""
