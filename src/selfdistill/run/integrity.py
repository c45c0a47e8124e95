"""What each stage has left, by size and digest: in the manifest when it ends, checked before anything reads it.

A file that differs is named, with what makes it again. Files that grow are checked line by line as well
(`selfdistill/chain.py`), soft targets file by file (`steps/sampling/targets.py`): so a stage that was interrupted, and
has nothing in the manifest yet, notices damage too. Studies have no manifest of their own: the
numbers that another command reads hold a checksum (`files.write_sealed`). The digests find damage, not forgery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfdistill.digests import THREADS, file_digest
from selfdistill.directory import RunDirectory
from selfdistill.errors import UserError
from selfdistill.processes import is_main_process
from selfdistill.run.manifest import read_manifest, update_manifest

Name = Literal[
    "prompts",
    "samples",
    "targets",
    "training",
    "student",
    "contamination",
    "evaluation",
    "regressions",
    "baselines",
    "agreement",
]
Entry = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Part:
    """Files that are made together."""

    patterns: tuple[str, ...]
    """Of their paths within the run."""
    again: str
    """How a file is made again; `{run}` is the run's directory, `{file}` the file."""


_RUN = RunDirectory(Path())


def _names(*paths: Path) -> tuple[str, ...]:
    return tuple(map(str, paths))


def _made_by(command: str) -> str:
    return f"delete {{file}}, and selfdistill {command} {{run}} makes it again"


PARTS: dict[Name, Part] = {
    "prompts": Part(
        _names(_RUN.prompt_counts, _RUN.prompts, _RUN.self_samples, _RUN.self_written),
        "nothing makes it again as it was: restore it, or choose another --out",
    ),
    "samples": Part(_names(_RUN.samples, _RUN.input_samples), _made_by("sample")),
    "targets": Part((f"{_RUN.targets}/*",), _made_by("sample")),
    "training": Part(
        _names(_RUN.sample_verdicts, _RUN.sample_agreements, _RUN.training_data, _RUN.training_log),
        "delete {file} and {run}/student, and selfdistill train {run} makes them again",
    ),
    "student": Part((f"{_RUN.student}/**/*",), "delete {run}/student, and selfdistill train {run} makes it again"),
    "contamination": Part(_names(_RUN.contamination), _made_by("contamination")),
    "evaluation": Part((f"{_RUN.systems.parent}/*",), _made_by("evaluate")),
    "regressions": Part((f"{_RUN.regressions}/**/*",), _made_by("regressions")),
    "baselines": Part(_names(_RUN.decoding_baselines), _made_by("decoding-baselines")),
    "agreement": Part((*_names(_RUN.agreement), f"{_RUN.system_agreements('*').parent}/*"), _made_by("agreement")),
}
"""What a later stage, or another command, reads. Not in it is what only people read, or what is written anew from the
rest each time: the report, its numbers and the student's card, and the page on locks and forks with its numbers."""


def require_stage(directory: RunDirectory, path: Path, stage: str) -> None:
    """Make sure that what an earlier stage leaves is there.

    Raises:
        UserError: it is not; says which command makes it.
    """
    if not path.exists():
        raise UserError("is missing", where=path, fix=f"run selfdistill {stage} {directory.root}")


def seal(directory: RunDirectory, *names: Name) -> None:
    """Enter the parts as they are into the manifest, at the end of what has made them."""
    if not is_main_process():
        return
    known: dict[str, Entry] = read_manifest(directory).get("files", {})
    kept = {name: entry for name, entry in known.items() if entry["part"] not in names}
    found = {path: part for part in names for path in _files(directory, part)}
    with ThreadPoolExecutor(THREADS) as pool:
        entries = pool.map(_entry, found.items())
        made = {_name(directory, path): entry for path, entry in zip(found, entries, strict=True)}
    update_manifest(directory, "files", dict(sorted({**kept, **made}.items())))


def check(directory: RunDirectory, *names: Name, whole: bool = True) -> None:
    """Make sure that the parts are what their stages have left; what is not in the manifest yet is not looked at.

    Args:
        directory: of the run; where it has no manifest, nothing is known.
        names: of the parts.
        whole: a file that is missing is a fault too; not so for the stage that makes it again.

    Raises:
        UserError: a file differs or is missing; says how to make it again.
    """
    if not (is_main_process() and directory.manifest.is_file()):
        return
    known: dict[str, Entry] = read_manifest(directory).get("files", {})
    listed = [(directory.root / name, entry) for name, entry in known.items() if entry["part"] in names]
    with ThreadPoolExecutor(THREADS) as pool:
        faults = pool.map(lambda each: _fault(*each), listed)
        for (path, entry), fault in zip(listed, faults, strict=True):
            if fault is not None and (whole or path.exists()):
                again = PARTS[entry["part"]].again  # type: ignore[index]
                raise UserError(fault, where=path, fix=again.format(run=directory.root, file=path))


def check_student(student: Path) -> None:
    """The same for the student of a run, known by its directory; any other model's directory passes."""
    if student.name == "student":
        check(RunDirectory(student.parent), "student")


def sealed(directory: RunDirectory, name: Name) -> bool:
    """Whether the part is in the manifest."""
    return any(entry["part"] == name for entry in read_manifest(directory).get("files", {}).values())


def take_parts(source: RunDirectory, target: RunDirectory, *names: Name) -> None:
    """`take` for all that the target has of these parts, under their own names."""
    there: dict[str, Entry] = read_manifest(source).get("files", {})
    shared = [name for name, entry in there.items() if entry["part"] in names and (target.root / name).is_file()]
    take(source, target, {name: name for name in shared})


def take(source: RunDirectory, target: RunDirectory, names: Mapping[str, str]) -> None:
    """Enter files that were taken over from another run as they stand in its manifest.

    Args:
        source, target: the runs.
        names: of the files: in the source -> in the target.
    """
    there: dict[str, Entry] = read_manifest(source).get("files", {})
    taken = {own: there[name] for name, own in names.items() if name in there}
    if taken:
        here: dict[str, Entry] = read_manifest(target).get("files", {})
        update_manifest(target, "files", dict(sorted({**here, **taken}.items())))


def _files(directory: RunDirectory, name: Name) -> Iterator[Path]:
    """A part's files; not the model card, which the report rewrites, and nothing hidden, which is half written."""
    card = directory.student / "README.md"
    for pattern in PARTS[name].patterns:
        for path in sorted(directory.root.glob(pattern)):
            if path.is_file() and path != card and not path.name.startswith("."):
                yield path


def _entry(file: tuple[Path, Name]) -> Entry:
    path, part = file
    return {"size": path.stat().st_size, "xxh3": file_digest(path), "part": part}


def _fault(path: Path, entry: Entry) -> str | None:
    """What is wrong with a file. One read for all who ask, as long as it stays the same."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != entry["size"]:
        return f"differs from what was written: {size:,} bytes, not {entry['size']:,}"
    return None if file_digest(path) == entry["xxh3"] else "differs from what was written: its digest is another"


def _name(directory: RunDirectory, path: Path) -> str:
    return path.relative_to(directory.root).as_posix()
