"""The model that is asked by default, as it is pinned: for commands that work without settings, token or network."""

import tomllib

import click

from bot.domain.models import ModelSpec
from bot.providers.oxen.pinned import PinnedError, load_pinned
from bot.settings import config_directory


def default_model() -> ModelSpec:
    """Its first pinned version, with an unknown price. A usage error when the files are not there or are wrong."""
    folder = config_directory()
    try:
        model = tomllib.loads((folder / "default.toml").read_text(encoding="utf-8"))["oxen"]["model"]
        pinned = load_pinned(folder / "models", str(model))
    except (OSError, KeyError, ValueError, PinnedError) as error:
        raise click.UsageError(f"the model's limits cannot be read from {folder}: {error}") from error
    return pinned[0].alone()
