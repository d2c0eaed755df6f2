# %% [markdown]
"""
# A strategy of your own

The strategy is the file `plugins/weightings/laggard.py` beside this script. Its name is the file's name; it
is registered nowhere. Name the folder once, before a configuration is made.
"""

# %% folder
import tempfile
from pathlib import Path

import jax.numpy as jnp

import dmljax
from dmljax.contracts.check import check

HERE = Path(__file__).parent if "__file__" in globals() else Path()  # a notebook starts in its own folder
dmljax.plugins.add_folder(HERE / "plugins")

# %% [markdown]
# ## Use it
#
# It is a function among the others now. A strategy has two parts: `init` makes its state from the tasks'
# names, `update` gives the weights of a step and the next state.

# %% use
strategy = dmljax.weightings.laggard(power=2.0)
state = strategy.init(("expression", "pose"))
for losses in ([2.0, 1.0], [2.0, 0.5]):
    weights, state, told = strategy.update(dmljax.weightings.Signals(jnp.array(losses)), state)
    print(f"{losses} -> {weights[0]:.2f}, {weights[1]:.2f}")
assert jnp.allclose(weights, jnp.array([1.6, 0.4]))  # the second loss has halved: 2 * (1, 1/4) / (1 + 1/4)

# %% [markdown]
# ## Check it
#
# The contract is what every strategy has to keep: finite weights for losses of 0 and of 1e8, tasks that
# come and go, a restart in the middle, one compilation. On the command line: `dmljax check FILE`.

# %% check
checks = check(HERE / "plugins" / "weightings" / "laggard.py")
print(f"{len(checks)} checks")
assert not [each.name for each in checks if each.outcome == "failed"]

# %% [markdown]
# ## Train with it
#
# The keyword arguments of `build` are fields of the configuration.

# %% training
changes = {
    "weighting.name": "laggard",
    "weighting.laggard.power": 2.0,
    "dataset.synthetic.identities": 6,
    "dataset.synthetic.size": 32,
    "data.image_size": 24,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "model.branches": ("face",),
    "split.folds": 3,
    "train.duration": "12 steps",
    "train.log_every": "1 steps",
}
run = Path(tempfile.mkdtemp()) / "laggard"
dmljax.train(dmljax.get_config("quick", changes), run, progress=False)
print((run / "train.jsonl").read_text().splitlines()[-1])
