"""Input that is damaged or that nobody meant: a fault is told, and nothing else happens."""
