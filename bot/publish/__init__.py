"""Makes references reachable by URL for the vendor."""

from bot.publish.data_uri import DataUriPublisher
from bot.publish.staging import StagingChannelPublisher

__all__ = ["DataUriPublisher", "StagingChannelPublisher"]
