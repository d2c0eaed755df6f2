"""The quick configuration at a quarter of its length: what `dmljax reproduce` runs many times over.

    dmljax reproduce all --run=runs/reproduce --jobs=2

Cost: about half a minute a run on two CPU cores.
Expected: 60.6 % expression (standard deviation 2.5 over seeds); networks have not converged by then, and what
learns fast is ahead (see benchmarks/).
"""

from dmljax.configs import quick


def get_config(preset: str = "safe"):
    config = quick.get_config(preset)
    config.train.duration = "10 epochs"
    config.optimizer.learning_rate = 2e-3  # what its results in docs/results.md were made with
    return config
