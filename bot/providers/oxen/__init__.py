"""Oxen.ai's inference API."""

from bot.providers.oxen.client import OxenProvider
from bot.providers.oxen.pinned import PinnedError

__all__ = ["OxenProvider", "PinnedError"]
