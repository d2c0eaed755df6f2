"""The formats, one file each: what it needs, how a file is written, and how its own runtime runs it."""
