"""Lines that vouch for each other: nothing that happens to a file between writing and reading goes unnoticed."""

from __future__ import annotations

import json

import pytest

from selfdistill.errors import UserError
from selfdistill.files import append_records, read_records

RECORDS = [{"key": f"a/{n}", "seconds": n / 7, "text": "ä\u2028}"} for n in range(5)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "records.jsonl"
    append_records(path, RECORDS[:2])
    append_records(path, RECORDS[2:])
    return path


def read(path):
    return list(read_records(path, dict))


def test_records_come_back_without_their_digests(path):
    assert read(path) == RECORDS
    assert [set(json.loads(line)) - {*RECORDS[0]} for line in path.read_bytes().splitlines()] == [{"digest"}] * 5


def test_an_empty_record_has_a_digest_too(tmp_path):
    append_records(tmp_path / "x", [{}, {}])
    assert read(tmp_path / "x") == [{}, {}]
    assert all(set(json.loads(line)) == {"digest"} for line in (tmp_path / "x").read_bytes().splitlines())


def test_every_flipped_bit_is_noticed_or_costs_the_torn_last_line(path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        if place == len(whole) - 1:  # the last line feed may go, and its line with it
            assert read(path) == RECORDS[:4]
            continue
        with pytest.raises(UserError, match=r"records.jsonl:\d"):
            read(path)


@pytest.mark.parametrize("change", ["lost", "moved", "twice", "foreign"])
def test_whole_lines_that_go_or_come_are_noticed(path, change):
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "lost": [lines[0], *lines[2:]],
        "moved": [lines[1], lines[0], *lines[2:]],
        "twice": [*lines, lines[-1]],
        "foreign": [*lines, b'{"key":"a/9"}\n'],
    }[change]
    path.write_bytes(b"".join(changed))
    with pytest.raises(UserError, match=r"records.jsonl:\d: .*digest.*delete it to make it again"):
        read(path)


def test_a_file_cut_at_any_byte_is_a_shorter_file_and_goes_on(path):
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        left = whole[:size].count(b"\n")
        assert read(path) == RECORDS[:left]
        append_records(path, RECORDS[left:])
        assert path.read_bytes() == whole


def test_a_file_without_digests_is_read_and_gets_none(tmp_path):
    path = tmp_path / "older.jsonl"
    path.write_text('{"a":1}\n{"a":2}\n')
    append_records(path, [{"a": 3}])
    assert read(path) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert b"digest" not in path.read_bytes()
