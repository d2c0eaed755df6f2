"""Changes of the quick configuration that make a training of seconds; a run folder without any training."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from dmljax import config as configuration
from dmljax.runs import assemble, decided, record, resume, sets, timetable
from dmljax.training import state as states
from dmljax.training.checkpoint import Checkpoints

TINY = {
    "dataset.synthetic.identities": 6,
    "data.image_size": 24,
    "data.tuples_per_step": 8,
    "backbone.resnet.width": 4,
    "backbone.resnet.stages": (1,),
    "model.branches": ("face",),
    "model.fused": 8,
    "model.embedding": 8,
    "model.hidden": 8,
    "train.duration": "2 steps",
}


def begun(config, run):
    """A run folder as training leaves it before its first step."""
    data = sets.open_set(config, progress=False)
    net = assemble.network(config, data.samples)
    found = decided.decide(config, data.samples, data.split)
    program = assemble.program(config, data.samples, net, timetable.schedule(config, 1), found)
    image = jnp.zeros((1, config.data.image_size, config.data.image_size, 3))
    variables = jax.jit(partial(net.init, train=False))(jax.random.key(0), image)
    state = states.create(variables, program.optimizer, program.weighting, tuple(program.terms))
    record.write_record(run, config, data, decided.record(found))
    position = {
        "position": dataclasses.asdict(resume.Position()),
        "config": configuration.trimmed(config),
        "set": sets.fingerprint(data.samples),
        record.MARKS: record.marks(data),
    }
    checkpoints = Checkpoints(run)
    checkpoints.save("last", 0, jax.device_get(state), position)
    checkpoints.close()
