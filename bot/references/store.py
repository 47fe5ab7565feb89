"""Bytes by their SHA-256, in any store that obstore speaks to: a folder by default, S3-compatible to scale.

Layout: `ab/cd/abcd…` (two levels, so that no folder grows huge). obstore's plain functions run on asyncio's threads.
"""

import asyncio
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from bot.domain.errors import Unavailable
from bot.domain.identity import Clock
from bot.domain.reasons import reason

_KEY = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_REFRESH_AFTER_MS = 600_000
"""Bytes put again after this are written again: their age starts anew, so no sweep takes what was just asked for.

Well below the sweep's hour: whoever put bytes has at least the difference to store who uses them.
"""


class ObjectContentStore:
    """The `ContentStore` of production."""

    def __init__(self, place: Path | ObjectStore, *, clock: Clock | None = None) -> None:
        """`place`: a folder (created when missing) or any object store.

        `clock` (by default the system's) is compared with the storage's own times, to tell young bytes from old.
        """
        self._folder = place if isinstance(place, Path) else None
        self._store: ObjectStore = LocalStore(place, mkdir=True) if isinstance(place, Path) else place
        self._clock = clock or _system_clock

    async def holds(self, key: str) -> bool:
        """True when the bytes are there; then they count as put just now. `Unavailable`."""
        return _KEY.fullmatch(key) is not None and await asyncio.to_thread(self._holds, key)

    async def put(self, path: Path) -> str:
        """Keeps a file's bytes and answers their key. Atomic; the same bytes again cost a look. `Unavailable`."""
        return await asyncio.to_thread(self._put, path)

    async def copy_to(self, key: str, path: Path) -> None:
        """Writes the bytes to a local file, streamed. `KeyError` when they are not there; `Unavailable`."""
        await asyncio.to_thread(self._copy_to, _checked(key), path)

    async def discard(self, key: str) -> None:
        """Forgets the bytes; not an error when they are gone. `Unavailable`."""
        await asyncio.to_thread(self._discard, _checked(key))

    async def keys_older_than(self, moment_ms: int) -> tuple[str, ...]:
        """Keys of the bytes that were last put before that moment (Unix milliseconds). `Unavailable`."""
        return await asyncio.to_thread(self._keys_older_than, moment_ms)

    async def discard_older_than(self, key: str, moment_ms: int) -> None:
        """Forgets the bytes unless they were put again since that moment (Unix milliseconds). `Unavailable`."""
        await asyncio.to_thread(self._discard_older_than, _checked(key), moment_ms)

    def _put(self, path: Path) -> str:
        with path.open("rb") as file:
            key = hashlib.file_digest(file, "sha256").hexdigest()
        with _at_the_door():
            if not self._is_young(key):
                obstore.put(self._store, _place(key), path)
        return key

    def _holds(self, key: str) -> bool:
        with _at_the_door():
            return self._is_young(key) or self._made_young(key)

    def _is_young(self, key: str) -> bool:
        at_ms = self._last_put_ms(key)
        return at_ms is not None and self._clock() - at_ms < _REFRESH_AFTER_MS

    def _made_young(self, key: str) -> bool:
        """Starts the bytes' age anew; false when they are not there."""
        try:
            if self._folder is None:
                self._put_again(key)
            else:
                os.utime(self._folder / _place(key))
        except FileNotFoundError:
            return False
        return True

    def _put_again(self, key: str) -> None:
        """Writes the bytes over themselves: obstore has nothing lighter that gives them a new time in every store."""
        with tempfile.TemporaryFile() as file:
            file.writelines(obstore.get(self._store, _place(key)).stream(min_chunk_size=_CHUNK_BYTES))
            file.seek(0)
            obstore.put(self._store, _place(key), file)

    def _copy_to(self, key: str, path: Path) -> None:
        part = path.with_name(f"{path.name}.part")
        with _at_the_door():
            try:
                found = obstore.get(self._store, _place(key))
            except FileNotFoundError:
                raise KeyError(key) from None
            try:
                with part.open("wb") as file:
                    for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                        file.write(chunk)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _discard(self, key: str) -> None:
        with _at_the_door():
            try:
                obstore.delete(self._store, _place(key))
            except FileNotFoundError:
                return

    def _discard_older_than(self, key: str, moment_ms: int) -> None:
        with _at_the_door():
            at_ms = self._last_put_ms(key)
        if at_ms is not None and at_ms < moment_ms:
            self._discard(key)

    def _keys_older_than(self, moment_ms: int) -> tuple[str, ...]:
        with _at_the_door():
            return tuple(
                key
                for chunk in obstore.list(self._store)  # pyright: ignore[reportUnknownMemberType]  an untyped overload
                for entry in chunk
                if _ms(entry["last_modified"]) < moment_ms and _KEY.fullmatch(key := entry["path"].rpartition("/")[2])
            )

    def _last_put_ms(self, key: str) -> int | None:
        try:
            return _ms(obstore.head(self._store, _place(key))["last_modified"])
        except FileNotFoundError:
            return None


def _checked(key: str) -> str:
    """The key; `KeyError` for what cannot be one, so that no odd key reaches a path."""
    if not _KEY.fullmatch(key):
        raise KeyError(key)
    return key


def _place(key: str) -> str:
    return f"{key[:2]}/{key[2:4]}/{key}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _system_clock() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _at_the_door() -> Generator[None]:
    """Whatever obstore raises, and a full or broken disk, stop here."""
    try:
        yield
    except (BaseError, OSError) as error:
        raise Unavailable(reason("storage-unavailable"), detail=str(error)) from error
