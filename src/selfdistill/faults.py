"""Faults of the machine and of files that no code of ours foresees, as a `UserError`: what, where, what to do.

For the border of a program, the command line's and a stage's own process, so that the code within needs no `try` for
what can fail anywhere: a disk that is full, memory that is used up, a file that is damaged. An exception that is not
known here is a bug, and keeps its traceback.
"""

from __future__ import annotations

import errno
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfdistill.errors import UserError, first_line
from selfdistill.processes import process_count

_CONTINUE = "the same command continues from here"
_SPACE = f"free some space; {_CONTINUE}"
_MEMORY = (
    "set a smaller engine.batch_size or training.micro_batch_size, or lift the limit (ulimit -v, a container's); "
    f"{_CONTINUE}"
)
_DISK = {
    errno.ENOSPC: ("the disk is full", _SPACE),
    errno.EDQUOT: ("the disk quota is used up", _SPACE),
    errno.EFBIG: ("the file is larger than this process may write", f"raise the limit (ulimit -f); {_CONTINUE}"),
    errno.EROFS: ("the file system is read-only", "choose another --out"),
    errno.EACCES: ("permission denied", "let this user read and write it, or choose another place"),
    errno.EPERM: ("not permitted", "let this user read and write it, or choose another place"),
    errno.ENAMETOOLONG: ("the name is too long for the file system", "choose a shorter name or --out"),
    errno.EIO: ("the disk reports an error", f"check the disk; {_CONTINUE}"),
    errno.ESTALE: ("the file is gone from the server", f"check the network file system; {_CONTINUE}"),
}
_MACHINE = {
    errno.ENOMEM: ("memory is used up", _MEMORY),
    errno.EAGAIN: (
        "no further process or thread may start: too many run, or memory is limited",
        f"raise the limit (ulimit -u, ulimit -v); {_CONTINUE}",
    ),
}
_FOREIGN_ERRNO = re.compile(r"\(os error (\d+)\)|\[Errno (\d+)\]")
"""How Rust libraries, and exceptions that wrap another, name the system's error."""
_TORN = re.compile(r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+")
"""How torch says that a file could not be written to its end."""
_NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|[Cc]annot allocate memory|out of memory|unable to mmap|bad_alloc"
    r"|failed to map segment from shared object"
)
_NO_THREAD = re.compile(r"can't start new thread|[Rr]esource temporarily unavailable")
_VOCABULARY = re.compile(r"index out of range in self|srcIndex < srcSelectDimSize")


def explained(error: BaseException) -> UserError | None:
    """The one line for an exception; None where it is a bug.

    Args:
        error: any. What it was raised from counts as well, the innermost first.
    """
    if isinstance(error, UserError):
        return error
    for cause in reversed(list(_causes(error))):
        known = cause if isinstance(cause, UserError) else _of_system(cause) or _of_library(cause)
        if known is not None:
            return known
    return None


@contextmanager
def located(where: str | Path) -> Iterator[None]:
    """Turn what is known here into its one line, with a place where the exception itself names none.

    Raises:
        UserError: instead of what is known; everything else passes.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        raise UserError(known.what, where=known.where or where, fix=known.fix) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was raised from, or in the handling of."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _of_system(error: BaseException) -> UserError | None:
    """An error that the operating system has given a number."""
    if isinstance(error, BrokenPipeError | ConnectionError | TimeoutError):
        return None
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        named = _FOREIGN_ERRNO.search(str(error))
        number = int(named[1] or named[2]) if named else None
    where = getattr(error, "filename", None)
    where = where if isinstance(where, str) else None
    if number in (errno.EMFILE, errno.ENFILE):
        return too_few_descriptors()
    if number in _DISK:
        what, fix = _DISK[number]
        return UserError(what, where=where, fix=fix)
    if number in _MACHINE:
        what, fix = _MACHINE[number]
        return UserError(what, fix=fix)
    if isinstance(error, OSError) and where is not None and error.strerror:
        return UserError(error.strerror, where=where, fix=f"mend it; {_CONTINUE}")
    return None


def _of_library(error: BaseException) -> UserError | None:
    """An error that only its type or its words tell."""
    message = str(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or _NO_MEMORY.search(message):
        return UserError(f"memory is used up{_asked(message)}", fix=_MEMORY)
    if _TORN.search(message):
        return UserError("a checkpoint could not be written to its end: the disk is full", fix=_SPACE)
    if isinstance(error, RuntimeError) and _NO_THREAD.search(message):
        what, fix = _MACHINE[errno.EAGAIN]
        return UserError(what, fix=fix)
    if type(error).__name__ == "SafetensorError":
        return UserError(f"a safetensors file is damaged: {first_line(error)}", fix="fetch or make it again")
    if isinstance(error, IndexError | RuntimeError) and _VOCABULARY.search(message):
        return UserError(
            "a token id is beyond the model's vocabulary",
            where="model.path",
            fix="take the tokenizer that belongs to the model",
        )
    return None


def _asked(message: str) -> str:
    found = re.search(r"tried to allocate (\d+) bytes|Tried to allocate ([\d.]+ \w+)", message)
    if found is None:
        return ""
    return f": {int(found[1]):,} bytes more were asked for" if found[1] else f": {found[2]} more were asked for"


def too_few_descriptors() -> UserError:
    """This process may not have enough files open."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return UserError(
        f"too few file descriptors: this process may have {limit:,} files open",
        fix=f"raise the limit (ulimit -n {max(4096, 4 * limit)}), or set fewer evaluation.grading.workers",
    )


def require_one_process(stage: str) -> None:
    """Refuse a launcher of several processes, which only training is for.

    Raises:
        UserError: there are several.
    """
    if process_count() > 1:
        raise UserError(f"{stage} does not run under accelerate launch or torchrun; only train does")
