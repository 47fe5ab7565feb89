"""The prompt language: what a person may write to point at a reference, and what the model reads. Pure, no I/O."""

from bot.prompting.parse import parse
from bot.prompting.reading import read, written
from bot.prompting.renumber import renumbered
from bot.prompting.tokens import natural_numbering, parse_rendered, render

__all__ = ["natural_numbering", "parse", "parse_rendered", "read", "render", "renumbered", "written"]
