"""One dummy of each kind of thing that can be added: see docs/adding.md."""
