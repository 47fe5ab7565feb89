"""Forms, buttons, words: Discord ends here."""
