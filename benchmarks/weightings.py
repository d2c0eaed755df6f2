"""The cost of each weighting strategy in one train step."""

import json
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from dmljax.launch import cli

from dmljax import plugins
from dmljax.backbones import resnet
from dmljax.models.dmlnet import DMLNet
from dmljax.training import objective, optimizer, state
from dmljax.training.step import GRADIENTS_ON, SEED, Program, train_step
from dmljax.types import EXPRESSION, IDENTITY, IMAGE, INDEX, POSE, TASKS

SUMMARY = "What each weighting strategy costs in one train step: operations, memory and time."
USAGE = """\
    python benchmarks/weightings.py [--names=equal,mgda,...] [--steps=20]

Floating point operations and temporary bytes are XLA's own count. Every strategy at its defaults, on one
device; those that ask for a Gram matrix once on the trunk's parameters (`shared`) and once on f2 (`rep`).
Times are medians of steps taken in turns with equal weights in the same process; ratios to those are printed.
"""

IMAGE_SIDE, BATCH, WIDTH, STAGES = 64, 30, 16, (1, 1, 1)


def prepare(name: str, source: str):
    """(compiled step, state, batch, micro-batches) for one strategy."""
    net = DMLNet(
        partial(resnet.build, depth=18, width=WIDTH, stages=STAGES),
        7,
        5,
        fused=128,
        embedding=64,
        hidden=64,
        batch_norm=True,
    )
    strategy = configured(name)
    terms = objective.terms(objective.Options(anchors="all"))
    active = lambda step: jnp.ones(len(terms), bool)
    program = Program(
        net.apply,
        terms,
        (1.0,) * len(terms),
        strategy,
        optimizer.build(learning_rate=1e-3),
        active,
        mirror=(),
        gradients_on=source,
        ema=0.99,
    )
    variables = jax.jit(partial(net.init, train=False))(
        jax.random.key(0), jnp.zeros((1, IMAGE_SIDE, IMAGE_SIDE, 3))
    )
    held = state.create(variables, program.optimizer, strategy, tuple(terms))
    rng = np.random.default_rng(0)
    micro = 2 if "cross_gram" in strategy.needs else 1
    shape = (micro, BATCH // micro)
    batch = {
        SEED: np.uint32(0),
        INDEX: np.arange(BATCH, dtype=np.int32).reshape(shape),
        IMAGE: rng.integers(0, 256, (*shape, IMAGE_SIDE, IMAGE_SIDE, 3)).astype(np.uint8),
        **{
            key: rng.integers(0, n, shape).astype(np.int32)
            for key, n in ((EXPRESSION, 7), (POSE, 5), (IDENTITY, 20))
        },
    }
    compiled = jax.jit(partial(train_step, program=program, axis_name=None)).lower(held, batch).compile()
    return compiled, held, batch, micro


def timed(step, held, batch) -> float:
    start = time.perf_counter()
    jax.block_until_ready(step(held, batch))
    return time.perf_counter() - start


def configured(name: str):
    """The strategy with its own defaults."""
    plugin = plugins.load("weightings", name)
    return plugin.build(**dict.fromkeys(TASKS, 1.0) if plugins.a_field_a_task(plugin) else {})


def cost(compiled) -> dict:
    analysis = compiled.cost_analysis()
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    return {"flops": analysis["flops"], "temporary_bytes": compiled.memory_analysis().temp_size_in_bytes}


def main(values):
    equal = prepare("equal", "shared")
    base = cost(equal[0])
    for name in values.names or plugins.names("weightings"):
        needs = configured(name).needs
        for source in GRADIENTS_ON if "gram" in needs and "jacobian" not in needs else GRADIENTS_ON[:1]:
            made = prepare(name, source)
            pairs = [(timed(*equal[:3]), timed(*made[:3])) for _ in range(values.steps + 3)][3:]
            once, other = np.array(pairs).T
            found = cost(made[0])
            print(
                json.dumps(
                    {
                        "strategy": name,
                        "gradients": source if needs & {"gram", "cross_gram", "jacobian"} else "none",
                        "micro_batches": made[3],
                        **{f"{key}_ratio": round(found[key] / base[key], 3) for key in base},
                        "time_ratio": round(float(np.median(other / once)), 3),
                        "step_s": round(float(np.median(other)), 4),
                        "device": jax.devices()[0].device_kind,
                    }
                ),
                flush=True,
            )


def define(values):
    flags.DEFINE_list("names", [], "strategies; empty: all", flag_values=values)
    flags.DEFINE_integer("steps", 20, "timed steps of each", lower_bound=1, flag_values=values)


if __name__ == "__main__":
    cli.run("weightings", SUMMARY, USAGE, define, main)
