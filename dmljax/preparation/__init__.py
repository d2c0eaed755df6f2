"""A set on disk: opened, checked, cropped, located, stored, drawn."""
