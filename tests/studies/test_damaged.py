"""What a study, or a command after it, reads: damage is named, and never another result."""

from __future__ import annotations

import io

import numpy as np
import pytest

from report.simulated_run import Simulation, write_run
from run.damaged import DAMAGES, said
from selfdistill.directory import RunDirectory
from selfdistill.files import read_json, read_sealed, write_bytes, write_json, write_sealed
from selfdistill.run.integrity import seal
from selfdistill.studies.previewed import read_preview
from selfdistill.studies.scores import read_runs

NUMBERS = {"seeds": [0, 1], "measures": ["pass@1"], "points": [{"t_train": 0.7, "score": 0.125}], "none": float("nan")}


@pytest.mark.parametrize("how", [*DAMAGES, "another number"])
def test_numbers_that_vouch_for_themselves_name_any_damage(tmp_path, how):
    path = tmp_path / "sweep.json"
    write_sealed(path, NUMBERS)
    assert read_sealed(path, "again") == {**NUMBERS, "none": None}
    if how in DAMAGES:
        DAMAGES[how](path)
    else:
        write_json(path, {**read_json(path), "seeds": [0, 2]})
    line = said(lambda: read_sealed(path, "run it again"))
    assert line is not None
    assert line.startswith(f"{path}: ")
    assert line.endswith("(run it again)")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_previews_scores_by_problem_name_any_damage(tmp_path, how):
    points = [{"trusted": {"pass@1": True}}]
    write_sealed(tmp_path / "preview.json", {"seed": 0, "measures": ["pass@1"], "points": points, "greedy": {}})
    buffer = io.BytesIO()
    table = np.random.default_rng(0).random((500, 2))
    np.savez_compressed(buffer, **{"pass@1": table})
    path = tmp_path / "preview.npz"
    write_bytes(path, buffer.getvalue())
    assert np.array_equal(read_preview(tmp_path, "pass@1").table, table)
    DAMAGES[how](path)
    found = []
    line = said(lambda: found.append(read_preview(tmp_path, "pass@1").table))
    if line is None:
        assert how == "append", "what stands after an archive is not read"
        assert np.array_equal(found[0], table)
    else:
        assert line.startswith(f"{path}: ")
        assert line.endswith("(the preview's own command makes it again)")


def test_a_verdict_that_is_gone_from_a_cell_is_noticed(tmp_path):
    """Its lines vouch for the lines before them, and for none behind."""
    cell = RunDirectory(write_run(tmp_path / "cell", Simulation()))
    write_json(cell.manifest, {"stages": {}, "files": {}})
    seal(cell, "evaluation")
    read_runs({0: cell}, [1])
    path = cell.system_verdicts("student-greedy")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    line = said(lambda: read_runs({0: cell}, [1]))
    assert line is not None
    assert line.startswith(f"{path}: differs from what was written")
    assert f"selfdistill evaluate {cell.root} makes it again" in line
