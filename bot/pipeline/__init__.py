"""The order of steps; imports the domain only."""
