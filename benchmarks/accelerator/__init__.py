"""The parts of `benchmarks/gpu.py`: plan, processes that measure, tables of what they found."""
