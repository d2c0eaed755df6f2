"""Arrays -> counts and scores."""
