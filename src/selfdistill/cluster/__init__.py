"""More than one machine, through Ray (extra `ray`): engines over a cluster (`engines`), and grading (`grading`)."""
