"""Rushes: a Discord bot that turns a message's attachments into a video."""
