"""Step 3 of SSD and its judgement: which systems (`systems`), on which problems (`problems`), graded (`grade`)."""
