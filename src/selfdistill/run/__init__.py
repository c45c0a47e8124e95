"""A run: its directory (`directory`), manifest (`manifest`), progress (`progress`) and stages (`stages`)."""
