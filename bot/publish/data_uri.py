"""References inside the request itself: for small images, where there is no staging channel."""

import asyncio
import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bot.domain import words
from bot.domain.errors import Refused
from bot.domain.media import Kind
from bot.domain.ports import ContentStore
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference
from bot.domain.requests import Publication

DEFAULT_MAX_BYTES_EACH: Final = 1_000_000
"""A body with a few images stays well under what HTTP gateways take (often 10 MB); base64 adds a third."""
_HANDLE: Final = "data-uri"


class DataUriPublisher:
    """A `Publisher` that publishes nothing: the bytes travel as `data:` URIs, and there is nothing to take back."""

    def __init__(self, contents: ContentStore, *, max_bytes_each: int = DEFAULT_MAX_BYTES_EACH, scratch: Path) -> None:
        """`scratch` is a directory for copies on their way."""
        self._contents, self._max_bytes_each, self._scratch = contents, max_bytes_each, scratch

    @property
    def max_bytes_each(self) -> int:
        """The operator's limit."""
        return self._max_bytes_each

    def refusal(self, reference: Reference) -> str | None:
        """`publisher-missing` for what is no image, `face-needs-url` for one of a real person, `publisher-too-large`.

        The vendor's fields for faces refuse data URIs, and its other ones refuse faces in them (oxen.md 3).
        """
        if reference.kind is not Kind.IMAGE:
            return "publisher-missing"
        if reference.shows_person:
            return "face-needs-url"
        return "publisher-too-large" if reference.facts.byte_count > self._max_bytes_each else None

    async def publish(
        self,
        take_id: str,  # noqa: ARG002  the port's; these URIs are the same for every take
        references: Sequence[Reference],
        existing: Sequence[Publication],
    ) -> tuple[Publication, ...]:
        """One data URI a reference, in order. `Refused`, `Unavailable`."""
        refused = [self._reason(code, one) for one in references if (code := self.refusal(one)) is not None]
        if refused:
            raise Refused(*refused)
        known = {each.reference_id: each for each in existing if each.handle == _HANDLE and each.url}
        return tuple([known.get(reference.id) or await self._publication(reference) for reference in references])

    async def withdraw(self, take_id: str, publications: Sequence[Publication]) -> None:
        """Nothing is anywhere."""

    async def _publication(self, reference: Reference) -> Publication:
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory[str], dir=self._scratch)
        path = Path(folder.name) / "reference"
        try:
            await self._contents.copy_to(reference.content, path)
            url = await asyncio.to_thread(_data_uri, path, reference.facts.format)
        except KeyError as missing:
            raise Refused(reason("bytes-gone", name=reference.name)) from missing
        finally:
            await asyncio.to_thread(folder.cleanup)
        return Publication(reference_id=reference.id, handle=_HANDLE, url=url)

    def _reason(self, code: str, reference: Reference) -> Reason:
        size, limit = words.byte_size(reference.facts.byte_count), words.byte_size(self._max_bytes_each)
        return reason(code, name=reference.name, size=size, limit=limit)


def _data_uri(path: Path, image_format: str) -> str:
    return f"data:image/{image_format};base64,{base64.b64encode(path.read_bytes()).decode()}"
