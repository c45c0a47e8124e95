"""What the system and the libraries raise, really raised where that can be done here, and the one line for it."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from selfdistill.errors import UserError
from selfdistill.faults import explained, located


def raised(work) -> BaseException:
    with pytest.raises(BaseException) as caught:
        work()
    return caught.value


def line(error: BaseException) -> str:
    known = explained(error)
    assert known is not None, repr(error)
    return str(known)


@pytest.fixture
def limited():
    """Sets a soft limit for the rest of a test."""
    before = {}

    def limit(kind: int, soft: int) -> None:
        before.setdefault(kind, resource.getrlimit(kind))
        resource.setrlimit(kind, (soft, before[kind][1]))

    yield limit
    for kind, limits in before.items():
        resource.setrlimit(kind, limits)


def test_a_disk_that_is_full_is_named_by_whoever_fills_it(tmp_path):
    with Path("/dev/full").open("w") as file:
        error = raised(lambda: (file.write("x"), file.flush()))
        assert line(error).startswith("the disk is full (free some space")
        with pytest.raises(OSError, match="No space"):
            file.close()
    wrapped = RuntimeError("I/O error: No space left on device (os error 28)")  # as safetensors says it
    assert line(wrapped).startswith("the disk is full")


def test_torchs_own_words_for_a_torn_file():
    import torch

    error = raised(lambda: torch.save({"x": torch.zeros(100_000)}, "/dev/full"))
    assert "the disk is full" in line(error)


def test_a_file_too_large_for_the_limit_is_named_with_its_place(tmp_path, limited):
    limited(resource.RLIMIT_FSIZE, 1000)
    path = tmp_path / "large"

    def write() -> None:
        with located(tmp_path), path.open("wb") as file:
            file.write(bytes(5000))

    assert line(raised(write)).startswith(
        f"{tmp_path}: the file is larger than this process may write (raise the limit"
    )


def test_a_name_that_is_too_long_and_a_place_that_is_forbidden(tmp_path):
    assert line(raised((tmp_path / ("x" * 300)).touch)).endswith(
        "the name is too long for the file system (choose a shorter name or --out)"
    )
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path / "x"))
    assert line(denied).startswith(f"{tmp_path / 'x'}: permission denied")


def test_too_few_file_descriptors_are_not_blamed_on_namespaces(limited):
    from selfdistill.grading.isolation import require

    limited(resource.RLIMIT_NOFILE, 64)
    error = raised(lambda: require("full"))
    assert isinstance(error, UserError)
    assert "too few file descriptors: this process may have 64 files open (raise the limit (ulimit -n" in str(error)
    assert "namespace" not in str(error)
    assert line(OSError(errno.EMFILE, "Too many open files")) == str(error)


def test_memory_that_is_used_up():
    import torch

    assert "memory is used up: 4,000,000,000,000,000 bytes more were asked for" in line(
        raised(lambda: torch.empty(10**15, dtype=torch.float32))
    )
    assert line(MemoryError()).startswith("memory is used up (set a smaller engine.batch_size")
    assert "32.00 GiB more were asked for" in line(
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 32.00 GiB.")
    )
    library = ImportError("/lib/interval.so: failed to map segment from shared object")  # a library's own code
    assert "memory is used up" in line(library)
    assert "memory is used up" in line(OSError(errno.ENOMEM, "Cannot allocate memory"))


def test_damaged_safetensors(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "model.safetensors"
    path.write_bytes(b"no header")
    assert "a safetensors file is damaged" in line(raised(lambda: safe_open(path, framework="pt").__enter__()))


def test_a_token_beyond_the_vocabulary():
    import torch

    embedding = torch.nn.Embedding(10, 4)
    assert "beyond the model's vocabulary" in line(raised(lambda: embedding(torch.tensor([11]))))


def test_a_cause_that_is_known_speaks_for_what_was_raised_from_it():
    def save() -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device", "/runs/a")
        except OSError as error:
            raise RuntimeError("cannot save") from error

    assert line(raised(save)).startswith("/runs/a: the disk is full")


def test_a_bug_stays_a_bug_and_a_mistake_stays_as_it_is(tmp_path):
    for bug in (
        KeyError("x"),
        ValueError("y"),
        AssertionError("z"),
        RuntimeError("w"),
        BrokenPipeError(32, "Broken pipe"),
    ):
        assert explained(bug) is None
        with pytest.raises(type(bug)), located(tmp_path):
            raise bug
    mistake = UserError("wrong", where="here")
    assert explained(mistake) is mistake
