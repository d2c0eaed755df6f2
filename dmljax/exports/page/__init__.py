"""The static page of the format web: its files, as they are copied, and the script that tries them."""
