"""Programs that agree: several answers to one problem, run on inputs whose right outputs are not known.

No test and no expected output takes part. What is used of a statement is what its function is called with.
See docs/agreement.md.
"""
