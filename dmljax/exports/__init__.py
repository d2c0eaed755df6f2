"""A trained network as a file of another format, tried by that format's own runtime; one file a format."""
