"""`make bench`: every benchmark, as ratios beside what a user would use instead, measured in one run."""

import asyncio
import sys

from benchmarks import media_child, media_convert, prompting, queue
from bot.logs import configure_logging


def main() -> None:
    configure_logging("error", "console", secrets=())
    prompting.report()
    asyncio.run(queue.report(quick="--quick" in sys.argv))
    asyncio.run(media_child.report())
    asyncio.run(media_convert.report(quick="--quick" in sys.argv))


if __name__ == "__main__":
    main()
