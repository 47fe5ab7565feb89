"""Post once; the ladder."""

from bot.delivery.card_keeper import CardKeeper
from bot.delivery.courier import DiscordCourier
from bot.delivery.rest_poster import RestPoster

__all__ = ["CardKeeper", "DiscordCourier", "RestPoster"]
