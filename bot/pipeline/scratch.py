"""Files on their way through a step."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bot.domain.errors import Unavailable
from bot.domain.reasons import reason


@contextmanager
def scratch_folder(scratch: Path) -> Generator[Path]:
    """A folder that is gone afterwards. Our own disk's trouble is nobody's fault and is waited out: `Unavailable`."""
    try:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            yield Path(folder)
    except OSError as error:
        raise Unavailable(reason("storage-unavailable"), detail=type(error).__name__) from error
