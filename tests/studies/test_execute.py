"""In which order a study works: what cells share is done once, by the first of them, and low seeds end first."""

from __future__ import annotations

from selfdistill.directory import RunDirectory
from selfdistill.recipe import load_recipe
from selfdistill.studies.curve import Variant, cells
from selfdistill.studies.execute import _Samples, _Students


def test_cells_are_trained_in_order_and_share_their_samples(tmp_path):
    variants = [Variant("hard"), Variant("soft"), Variant("texts")]
    each = cells(load_recipe("demo"), variants, [500, 1500], [0, 1])
    directories = {cell.name: RunDirectory(tmp_path / cell.name) for cell in each}
    (trained,) = _Students().batches(each, directories)
    assert [cell.name for cell in trained] == [cell.name for cell in each]
    assert [cell.recipe.seed for cell in trained] == [0] * 6 + [1] * 6
    sampled, _ = _Samples().batches(each, directories)
    assert sorted(cell.name for cell in sampled) == [
        "soft-500-seed-0",
        "soft-500-seed-1",
        "texts-500-seed-0",
        "texts-500-seed-1",
    ], "one for each seed and source, the one with soft targets"
