"""The paper's tables and figures, one file each: which runs an item needs, and what it shows of them beside the published numbers."""
