"""One run folder: put together, trained, continued, evaluated, reported."""
