"""Looks into files and makes files; whatever is untrusted is opened in the media child only."""
