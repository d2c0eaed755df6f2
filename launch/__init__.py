"""Launch programs: flags and one call each."""
