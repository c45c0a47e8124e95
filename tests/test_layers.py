"""How deep the house is. That arrows point down, and that there are no cycles, import-linter says (`make lint`)."""

from __future__ import annotations

from functools import cache

import grimp

DEEPEST = 14
"""Modules in the longest chain of imports, those for typing and those inside functions included."""


def test_no_chain_of_imports_is_longer_than_it_was() -> None:
    """A chain grows where a module is put between two others, or reaches past what it needs."""
    graph = grimp.build_graph("selfdistill", cache_dir=None)

    @cache
    def chain(module: str) -> tuple[str, ...]:
        below = (chain(imported) for imported in graph.find_modules_directly_imported_by(module))
        return (module, *max(below, key=len, default=()))

    longest = max((chain(module) for module in graph.modules), key=len)
    assert len(longest) <= DEEPEST, " > ".join(longest)
    assert len(longest) > 5, "the graph is there"
