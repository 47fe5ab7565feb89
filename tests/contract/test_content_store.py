"""One suite for every `ContentStore`: the folder, object stores in memory and over S3's protocol, and the fake."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from bot.domain.errors import Unavailable
from bot.domain.ports import ContentStore
from bot.references import ObjectContentStore, Sweep
from bot.references.places import Bucket, bucket_store
from tests import s3
from tests.fakes_references import MemoryContentStore

HOUR_MS = 3_600_000

STORES: dict[str, Callable[[Path], ContentStore]] = {
    "folder": ObjectContentStore,
    "object store": lambda _folder: ObjectContentStore(MemoryStore()),
    "fake": lambda _folder: MemoryContentStore(),
}


@pytest.fixture
def bucket(s3_address: str, tmp_path: Path) -> Bucket:
    """A new, empty one; what is ours begins with a prefix."""
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:40]
    s3.make_bucket(s3_address, name)
    return Bucket(
        url=f"s3://{name}/some/prefix", endpoint=s3_address, region="us-east-1", key_id="tests", secret="tests"
    )


@pytest.fixture(params=[*STORES, "s3"])
def contents(request: pytest.FixtureRequest, tmp_path: Path) -> ContentStore:
    if request.param == "s3":
        return ObjectContentStore(bucket_store(request.getfixturevalue("bucket")))
    return STORES[request.param](tmp_path / "contents")


def file_of(tmp_path: Path, content: bytes, name: str = "source") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(6_000_000)], ids=["empty", "small", "several parts"])
async def test_what_was_put_comes_back_by_its_hash(contents: ContentStore, tmp_path: Path, content: bytes) -> None:
    key = await contents.put(file_of(tmp_path, content))
    assert key == hashlib.sha256(content).hexdigest()
    await contents.copy_to(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_a_copy_replaces_what_was_there(contents: ContentStore, tmp_path: Path) -> None:
    key = await contents.put(file_of(tmp_path, b"short"))
    target = file_of(tmp_path, b"something much longer", "copy")
    await contents.copy_to(key, target)
    assert target.read_bytes() == b"short"


async def test_the_same_bytes_have_one_key_whatever_the_file(contents: ContentStore, tmp_path: Path) -> None:
    files = [file_of(tmp_path, b"same", f"file {number}") for number in range(4)]
    keys = await asyncio.gather(*(contents.put(file) for file in files))
    assert len(set(keys)) == 1
    await contents.discard(keys[0])
    with pytest.raises(KeyError):
        await contents.copy_to(keys[0], tmp_path / "copy")


async def test_the_source_file_is_left_alone(contents: ContentStore, tmp_path: Path) -> None:
    source = file_of(tmp_path, b"mine")
    await contents.discard(await contents.put(source))
    assert source.read_bytes() == b"mine"


@pytest.mark.parametrize("key", ["0" * 64, "nonsense", "../../etc/passwd", ""])
async def test_bytes_that_are_not_there_are_a_key_error_and_leave_no_file(
    contents: ContentStore, tmp_path: Path, key: str
) -> None:
    with pytest.raises(KeyError):
        await contents.copy_to(key, tmp_path / "copy")
    assert list(tmp_path.glob("copy*")) == []


async def test_discarding_twice_is_no_error(contents: ContentStore, tmp_path: Path) -> None:
    key = await contents.put(file_of(tmp_path, b"gone"))
    await contents.discard(key)
    await contents.discard(key)


@pytest.mark.parametrize("content", [b"", b"hello"])
async def test_a_store_holds_what_was_put_until_it_is_discarded(
    contents: ContentStore, tmp_path: Path, content: bytes
) -> None:
    key = await contents.put(file_of(tmp_path, content))
    assert await contents.holds(key)
    await contents.copy_to(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    await contents.discard(key)
    assert not await contents.holds(key)


@pytest.mark.parametrize("key", ["0" * 64, "nonsense", "../../etc/passwd", ""])
async def test_a_store_does_not_hold_what_was_never_put(contents: ContentStore, key: str) -> None:
    assert not await contents.holds(key)


# --- the folder and the sweep: what the fake does not have ----------------------------------------------------------


async def test_identical_bytes_lie_in_the_folder_once_and_two_levels_deep(tmp_path: Path) -> None:
    store = ObjectContentStore(tmp_path / "contents")
    key = await store.put(file_of(tmp_path, b"same"))
    await store.put(file_of(tmp_path, b"same", "again"))
    files = [path for path in (tmp_path / "contents").rglob("*") if path.is_file()]
    assert files == [tmp_path / "contents" / key[:2] / key[2:4] / key]


async def test_a_broken_disk_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    store = ObjectContentStore(tmp_path / "contents")
    source = file_of(tmp_path, b"bytes")
    key = hashlib.sha256(b"bytes").hexdigest()
    (tmp_path / "contents" / key[:2]).write_text("a file where a folder should be")
    with pytest.raises(Unavailable) as caught:
        await store.put(source)
    assert caught.value.reason.code == "storage-unavailable"


def _age(folder: Path, key: str, at_ms: int) -> None:
    os.utime(folder / key[:2] / key[2:4] / key, (at_ms / 1000, at_ms / 1000))


async def test_the_sweep_takes_what_is_old_and_unused_and_nothing_else(tmp_path: Path) -> None:
    folder, now_ms = tmp_path / "contents", 1_800_000_000_000
    store = ObjectContentStore(folder, clock=lambda: now_ms)
    old, used, young = [await store.put(file_of(tmp_path, content)) for content in (b"old", b"used", b"young")]
    for key, hours in ((old, 25), (used, 25), (young, 23)):
        _age(folder, key, now_ms - hours * HOUR_MS)
    swept = await Sweep(contents=store, clock=lambda: now_ms, keep_hours=24)({used})
    assert swept == 1
    assert set(await store.keys_older_than(now_ms)) == {used, young}


async def test_what_nobody_took_into_use_is_gone_after_an_hour(tmp_path: Path) -> None:
    """What was collected beside a file that was refused; never what somebody put within that hour."""
    folder, now_ms = tmp_path / "contents", time.time_ns() // 1_000_000
    store = ObjectContentStore(folder, clock=lambda: now_ms)
    left, asked_again, coming = [await store.put(file_of(tmp_path, one)) for one in (b"left", b"again", b"coming")]
    _age(folder, left, now_ms - HOUR_MS - 1)
    _age(folder, asked_again, now_ms - HOUR_MS + 60_000)
    _age(folder, coming, now_ms - HOUR_MS + 1_000)
    await store.put(file_of(tmp_path, b"again"))

    assert await Sweep(contents=store, clock=lambda: now_ms)(()) == 1
    assert await Sweep(contents=store, clock=lambda: now_ms + 120_000)({coming}) == 0
    await store.copy_to(asked_again, tmp_path / "copy")


async def test_bytes_put_again_are_young_again(tmp_path: Path) -> None:
    """Or a sweep could take what a new request has just been given."""
    folder = tmp_path / "contents"
    store = ObjectContentStore(folder)
    key = await store.put(file_of(tmp_path, b"back again"))
    _age(folder, key, 1_000_000_000_000)
    assert await store.keys_older_than(1_100_000_000_000) == (key,)
    await store.put(file_of(tmp_path, b"back again"))
    assert await store.keys_older_than(1_100_000_000_000) == ()
    await store.discard_older_than(key, 1_100_000_000_000)
    await store.copy_to(key, tmp_path / "copy")


@pytest.mark.parametrize("content", [b"", os.urandom(6_000_000)], ids=["empty", "several parts"])
async def test_bytes_that_were_asked_for_are_young_again(tmp_path: Path, content: bytes) -> None:
    """A draft made of held bytes has them, even if a sweep runs before the draft is stored."""
    folder, now_ms = tmp_path / "contents", time.time_ns() // 1_000_000
    store = ObjectContentStore(folder, clock=lambda: now_ms)
    key = await store.put(file_of(tmp_path, content))
    _age(folder, key, now_ms - 2 * HOUR_MS)
    assert await store.holds(key)
    assert await Sweep(contents=store, clock=lambda: now_ms)(()) == 0
    await store.copy_to(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_asking_for_old_bytes_in_an_object_store_keeps_them(tmp_path: Path) -> None:
    store = ObjectContentStore(MemoryStore(), clock=lambda: time.time_ns() // 1_000_000 + HOUR_MS)
    key = await store.put(file_of(tmp_path, b"kept"))
    assert await store.holds(key)
    await store.copy_to(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"kept"


async def test_a_bucket_is_swept_like_a_folder(bucket: Bucket, tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    store = ObjectContentStore(bucket_store(bucket), clock=lambda: now_ms)
    used, unused = [await store.put(file_of(tmp_path, content)) for content in (b"used", b"unused")]
    later = Sweep(contents=store, clock=lambda: now_ms + 2 * HOUR_MS)
    assert await later({used}) == 1
    assert await store.holds(used)
    assert not await store.holds(unused)


async def test_bytes_in_a_bucket_that_were_asked_for_are_young_again(bucket: Bucket, tmp_path: Path) -> None:
    content = os.urandom(6_000_000)
    early = ObjectContentStore(bucket_store(bucket))
    key = await early.put(file_of(tmp_path, content))
    store = ObjectContentStore(bucket_store(bucket), clock=lambda: time.time_ns() // 1_000_000 + HOUR_MS)
    assert await store.holds(key)
    await store.copy_to(key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content


async def test_a_store_that_does_not_answer_is_unavailable_and_says_nothing_of_its_secret(tmp_path: Path) -> None:
    gone = Bucket(
        url="s3://bucket/", endpoint="http://127.0.0.1:1", region="us-east-1", key_id="tests", secret="very-secret"
    )
    store = ObjectContentStore(bucket_store(gone))
    with pytest.raises(Unavailable) as caught:
        await store.put(file_of(tmp_path, b"bytes"))
    assert caught.value.reason.code == "storage-unavailable"
    assert "very-secret" not in str(caught.value.detail)


async def test_a_broken_disk_does_not_say_that_bytes_are_gone(tmp_path: Path) -> None:
    store = ObjectContentStore(tmp_path / "contents")
    key = await store.put(file_of(tmp_path, b"bytes"))
    shutil.rmtree(tmp_path / "contents" / key[:2])
    (tmp_path / "contents" / key[:2]).write_text("a file where a folder should be")
    with pytest.raises(Unavailable):
        await store.holds(key)


async def test_odd_files_in_the_folder_are_not_ours_to_sweep(tmp_path: Path) -> None:
    store = ObjectContentStore(tmp_path / "contents")
    (tmp_path / "contents" / "README").write_text("by hand")
    assert await store.keys_older_than(1 << 50) == ()
