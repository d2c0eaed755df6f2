"""Face detectors, one file each: `build() -> detect(image) -> box or None`."""
