"""Where references come from and the bytes we hold: collect, download, store by content hash, sweep."""

from bot.references.collect import Collector
from bot.references.download import HttpDownloader
from bot.references.intake import declared_bytes, declared_reasons, file_reasons, planned, tray_reasons
from bot.references.store import ObjectContentStore
from bot.references.sweep import Sweep

__all__ = [
    "Collector",
    "HttpDownloader",
    "ObjectContentStore",
    "Sweep",
    "declared_bytes",
    "declared_reasons",
    "file_reasons",
    "planned",
    "tray_reasons",
]
