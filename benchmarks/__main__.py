"""`make bench`: every benchmark, as ratios beside what a user would use instead, measured in one run."""

import asyncio

from benchmarks import media_child, prompting, queue
from bot.logs import configure_logging


def main() -> None:
    configure_logging("error", "console", secrets=())
    prompting.report()
    asyncio.run(queue.report())
    asyncio.run(media_child.report())


if __name__ == "__main__":
    main()
