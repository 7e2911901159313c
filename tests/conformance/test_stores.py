"""What every place of runs does alike: a local disk, and a real S3 server."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from failmap.run_folder.errors import UserError
from failmap.run_folder.storage import AnyPath, check_location, parse_location, store_of
from failmap.run_folder.storage.object_logs import SEGMENT_BYTES, segment_path


@pytest.fixture(params=["disk", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> AnyPath:
    """An empty folder in each kind of place."""
    storage = tmp_path if request.param == "disk" else request.getfixturevalue("s3_storage")
    return storage / "run"


def test_what_is_written_is_read(folder: AnyPath) -> None:
    store, path = store_of(folder), folder / "trials" / "0" / "record.json"
    with pytest.raises(FileNotFoundError):
        store.read(path)
    assert not store.exists(path)
    store.write(path, b"first")
    store.write(path, b"second", survives_power_loss=False)
    assert store.read(path) == b"second"
    assert store.exists(path)
    assert store.exists(folder / "trials"), "a folder with something in it exists"


def test_of_many_files_those_that_are_missing_are_left_out(folder: AnyPath) -> None:
    store, paths = store_of(folder), [folder / str(number) for number in range(300)]
    for path in paths[:3]:
        store.write(path, path.name.encode())
    assert store.read_many(paths) == {path: path.name.encode() for path in paths[:3]}
    assert store.read_many([]) == {}


def test_of_several_that_create_a_file_one_does(folder: AnyPath) -> None:
    store = store_of(folder)
    store.make_folder(folder)
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda n: store.create(folder / "lock", f"{n}".encode()), range(8)))
    assert created.count(True) == 1
    assert store.read(folder / "lock") == f"{created.index(True)}".encode()


def test_folders_and_files_are_listed_as_they_are_now(folder: AnyPath) -> None:
    store = store_of(folder)
    assert (store.list_folders(folder), dict(store.list_files(folder))) == ([], {})
    store.write(folder / "config.yaml", b"1")
    store.write(folder / "trials" / "0" / "record.json", b"1")
    store.write(folder.parent / "run-2" / "config.yaml", b"1")
    assert store.list_folders(folder.parent) == ["run", "run-2"]
    before = store.list_files(folder)
    assert list(before) == ["config.yaml", "trials/0/record.json"]
    store.write(folder / "config.yaml", b"2")
    after = store.list_files(folder)
    assert [name for name in after if after[name] != before[name]] == ["config.yaml"]


def test_what_is_removed_is_gone_and_may_have_been(folder: AnyPath) -> None:
    store = store_of(folder)
    for name in ("a", "b/c", "b/d"):
        store.write(folder / name, b"1")
    for _ in range(2):
        store.remove(folder / "a")
        store.remove_tree(folder / "b")
    assert dict(store.list_files(folder)) == {}


@pytest.mark.parametrize("kind", ["open_log", "open_segments"])
def test_a_log_keeps_its_lines_over_sessions(folder: AnyPath, kind: str) -> None:
    path = folder / "log"
    for session in range(3):
        log = getattr(store_of(path), kind)(path)
        assert list(log.lines()) == [b"%d.%d\n" % (s, n) for s in range(session) for n in range(3)]
        log.append([b"%d.0\n" % session, b"%d.1\n" % session])
        log.sync()
        log.append([b"%d.2\n" % session])
        log.sync()
        log.sync()


def test_a_log_of_one_file_has_its_name(folder: AnyPath) -> None:
    store, path = store_of(folder), folder / "trials" / "0" / "history.jsonl"
    log = store.open_log(path)
    log.append([b"{}\n"])
    log.sync()
    assert store.read(path) == b"{}\n"


def test_a_large_log_grows_by_segments_of_bounded_size(s3_storage: AnyPath) -> None:
    store, path, line = store_of(s3_storage), s3_storage / "journal.log", b"x" * 9_999 + b"\n"
    log = store.open_segments(path)
    for _ in range(40):
        log.append([line])
        log.sync()
    sizes = [len(store.read(path / name)) for name in store.list_files(path)]
    assert len(sizes) == 3
    assert max(sizes) < SEGMENT_BYTES + 2 * len(line)
    assert list(store.open_segments(path).lines()) == [line] * 40


def test_a_writer_whose_log_was_taken_over_damages_nothing(s3_storage: AnyPath) -> None:
    store, path = store_of(s3_storage), s3_storage / "journal.log"
    old = store.open_segments(path)
    old.append([b"old\n"])
    old.sync()
    new = store.open_segments(path)
    old.append([b"too late\n"])
    old.sync()
    new.append([b"new\n"])
    new.sync()
    assert list(store.open_segments(path).lines()) == [b"old\n", b"new\n"]
    old.append([b"x" * SEGMENT_BYTES])
    old.sync()
    old.append([b"much too late\n"])
    with pytest.raises(UserError, match="another writer has taken over"):
        old.sync()


def test_a_log_that_lost_a_segment_is_refused(s3_storage: AnyPath) -> None:
    store, path = store_of(s3_storage), s3_storage / "journal.log"
    for _ in range(3):
        log = store.open_segments(path)
        log.append([b"line\n"])
        log.sync()
    store.write(segment_path(path, 2), b"line\n")
    with pytest.raises(UserError, match=r"000002\.jsonl, line 1 is corrupt"):
        store.open_segments(path)
    store.remove(segment_path(path, 2))
    with pytest.raises(UserError, match=r"000002\.jsonl is missing"):
        store.open_segments(path)


@pytest.mark.parametrize("length", ["1e999", "Infinity", "-5", '"5"', "5.5", "null", "[" * 9_999, "9" * 30])
def test_inconsistent_segment_is_refused(s3_storage: AnyPath, length: str) -> None:
    store, path = store_of(s3_storage), s3_storage / "journal.log"
    log = store.open_segments(path)
    log.append([b"line\n"])
    log.sync()
    store.write(segment_path(path, 2), f'{{"segment": 2, "after_bytes": {length}, "writer": ""}}\n'.encode())
    with pytest.raises(UserError, match=r"000002\.jsonl, line 1 is corrupt"):
        store.open_segments(path)


@pytest.mark.parametrize("kind", ["disk", "s3"])
def test_the_first_look_says_what_is_wrong(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "disk":
        check_location(tmp_path / "not yet there")
        return
    storage = request.getfixturevalue("s3_storage")
    check_location(storage / "not yet there")
    with pytest.raises(UserError, match="there is no bucket nobodys: make it first"):
        check_location(parse_location("s3://nobodys/runs"))


def test_an_endpoint_that_does_not_answer_is_told_within_seconds(use_s3: Callable[[str], None]) -> None:
    use_s3("http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"does not answer at http://127\.0\.0\.1:9: look at"):
        check_location(parse_location("s3://runs/mine"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s4://bucket/runs", r"an object store \(s3://, gs://, az://\)"),
        ("s3://key:secret@bucket/runs", "credentials do not belong in a URL"),
        ("s3:///runs", "needs a bucket"),
        ("s3://bucket/../other", "lead nowhere else"),
        ("s3://bucket/*", "lead nowhere else"),
        ("az://bucket/runs", "needs the package adlfs, which is not installed"),
    ],
)
def test_invalid_locations(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_location(text)


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    store, run = store_of(tmp_path), tmp_path / "runs" / "mine"
    store.write(run / "trials" / "0" / "record.json", b"{}")
    store.create(run / "lock", b"")
    store.open_log(run / "trials" / "1" / "history.jsonl").append([b"{}\n"])
    store.make_folder(run / "report")
    made = [tmp_path / "runs", *(tmp_path / "runs").rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in made} == {"0o700", "0o600"}
    assert all((path.stat().st_mode & 0o777 == 0o700) == path.is_dir() for path in made)


@pytest.mark.parametrize(
    ("storage", "folder", "file"), [(0o2750, "0o750", "0o640"), (0o2770, "0o770", "0o660")]
)
def test_a_folder_with_the_group_bit_shares_what_is_made_in_it(
    tmp_path: Path, storage: int, folder: str, file: str
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    runs.chmod(storage)
    store, run = store_of(runs), runs / "mine"
    umask = os.umask(0o077)
    try:
        store.write(run / "trials" / "0" / "record.json", b"{}")
        store.create(run / "lock", b"")
        store.open_log(run / "trials" / "1" / "history.jsonl").append([b"{}\n"])
    finally:
        os.umask(umask)
    made = [*runs.rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_dir()} == {folder}
    assert {oct(path.stat().st_mode & 0o777) for path in made if path.is_file()} == {file}
    assert {path.stat().st_gid for path in made} == {runs.stat().st_gid}


def test_a_line_that_a_crash_tore_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"whole\nhal")
    log = store_of(path).open_log(path)
    log.append([b"next\n"])
    assert log.torn_bytes == 3
    assert path.read_bytes() == b"whole\nnext\n"
