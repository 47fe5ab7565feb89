"""May this person, here, now, for this price? Pure decisions with reasons."""
