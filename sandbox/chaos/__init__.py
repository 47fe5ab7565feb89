"""Kills the bot again and again while people ask for videos, and proves that nothing was lost, doubled or unbalanced.

`script` says what will happen (from the seed alone), `crowd` acts as the people, `lives` kills, `evidence` reads what
the two sandboxes and the database say in the end, and `verdict` judges it without a line of the bot's own code.
"""
