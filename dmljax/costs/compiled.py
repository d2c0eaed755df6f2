"""A step compiled for chips that are not here: operations, bytes, memory, collectives, and what follows.

Nothing runs: times are estimates from published rates.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dmljax.costs import chips, sized, targets
from dmljax.costs.collectives import Collective, collectives, seconds
from dmljax.costs.traffic import traffic
from dmljax.types import AXIS, UserError

_FULL = re.compile(
    r"Used ([\d.]+\w?) of ([\d.]+\w?) hbm|required .*?\(([\d.]+\w?)\) exceeds available HBM \(([\d.]+\w?)\)"
)
_NORM = re.compile(r"/(norm\w*|embedding_norm|BatchNorm\w*)/")


def compile_for(name: str, **size) -> dict[str, object]:
    """What XLA says of a step for a slice, and estimates of its time by the rates that are published.

    For a process of its own: JAX sees no accelerator afterwards.

    Args:
      name: of the slice, see `chips.slice_of`.
      size: the fields of `sized.Size`; stages may be text.

    Returns:
      JSON-able facts; all counts and times are one chip's and one step's.

    Raises:
      UserError: no such slice, stages that are no numbers, a batch that does not divide, no compiler for the
        slice, or a step that does not fit.
    """
    where, chosen = chips.slice_of(name), sized.size_of(**size)
    sized.check(chosen, where.chips)
    devices = targets.devices(where)
    began = time.perf_counter()
    try:
        compiled = lower(chosen, devices).compile()
    except jax.errors.JaxRuntimeError as error:
        raise _told(error, where, chosen) from None
    facts = {
        "program": f"dmljax jax {jax.__version__}",
        "for": where.topology,
        "chips": where.chips,
        "compile_s": round(time.perf_counter() - began, 1),
    }
    said = report(compiled, where, operations(compiled, chosen, where.chips))
    held = sum(size for part, size in said["gib_held"].items() if part != "of")
    if held > said["gib_held"]["of"]:  # which XLA does not look at for a GPU
        raise _too_large(f"{held:.2f}G", f"{said['gib_held']['of']:.2f}G", where, chosen)
    return chosen.facts | facts | said


def lower(size: sized.Size, devices: list) -> jax.stages.Lowered:
    """The step for these devices, mapped as a run maps it; of arrays it knows the shapes alone.

    jax.pmap makes a jitted shard_map of a step; made by hand, it may be for devices of other hosts.
    """
    net = sized.network(size)
    step = sized.step(net, size)
    mesh = Mesh(np.array(devices), (AXIS,))
    rows = PartitionSpec(AXIS)

    def mapped(held, batch):
        first = partial(jax.tree.map, lambda x: x[0])
        return jax.tree.map(lambda x: x[None], step.function(first(held), first(batch)))

    def placed(tree: Any):
        lying = NamedSharding(mesh, rows)
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=lying), tree)

    held = jax.eval_shape(step.begin, jax.eval_shape(partial(sized.initial, net, size)))
    wide = jax.tree.map(lambda x: jax.ShapeDtypeStruct((len(devices), *x.shape), x.dtype), held)
    of = jax.shard_map(mapped, mesh=mesh, in_specs=(rows, rows), out_specs=rows, check_vma=False)
    return jax.jit(of, donate_argnums=step.donated).lower(
        placed(wide), placed(sized.shapes(size, len(devices)))
    )


def _told(error: Exception, where: chips.Slice, size: sized.Size) -> Exception:
    """What is raised instead: of a step that does not fit, in one line."""
    found = _FULL.search(str(error))
    if not found:
        return error
    return _too_large(*filter(None, found.groups()), where, size)


def _too_large(needed: str, there: str, where: chips.Slice, size: sized.Size) -> UserError:
    return UserError(
        f"a step of {size.batch // where.chips} images a chip needs {needed}iB of memory, and {where.name}"
        f" has {there}iB for it; take fewer images a chip, more chips, bf16 or remat",
        parameter="compile_for",
    )


def operations(compiled: jax.stages.Compiled, size: sized.Size, devices: int) -> float:
    """Operations of one device, as XLA counts them in the compiled program.

    In one for a GPU it does not; there they are those of one device's share as it is written, before XLA
    simplifies it.
    """
    if counts := compiled.cost_analysis():
        return counts["flops"]
    share = size._replace(batch=size.batch // devices, convolution="xla", batch_norm_group=0)
    return lower(share, jax.devices("cpu")[:1]).cost_analysis()["flops"]


def report(compiled: jax.stages.Compiled, where: chips.Slice, flops: float) -> dict[str, Any]:
    """What XLA counts of a compiled program, and how long it takes if one thing alone decides.

    'gb_accessed' is XLA's count, None where it makes none, 'gb_moved' that of `traffic`.
    """
    counts, memory = compiled.cost_analysis(), compiled.memory_analysis()
    text = compiled.as_text()
    asked = collectives(text, where.chips)
    moved = sum(each.bytes for each in traffic(text).values())
    estimates = {
        "operations": flops / where.chip.flops,
        "memory": moved / where.chip.bandwidth,
        "links": seconds(asked, where.chip.links),
    }
    longest = max(estimates, key=lambda by: estimates[by])
    return {
        "gflop": round(flops / 1e9, 3),
        "gb_accessed": round(counts["bytes accessed"] / 1e9, 4) if counts else None,
        "gb_moved": round(moved / 1e9, 4),
        "gib_held": {
            "arguments": round(memory.argument_size_in_bytes / chips.GIB, 4),
            "results": round((memory.output_size_in_bytes - memory.alias_size_in_bytes) / chips.GIB, 4),
            "temporary": round(memory.temp_size_in_bytes / chips.GIB, 4),
            "program": round(memory.generated_code_size_in_bytes / chips.GIB, 4),
            "of": round(where.chip.memory / chips.GIB, 2),
        },
        "collectives": _by_kind(asked),
        "estimate_ms": {by: round(1000 * value, 4) for by, value in estimates.items()},
        "longest": longest,
    }


def _by_kind(asked: list[Collective]) -> dict[str, dict[str, float]]:
    """Number and megabytes of each kind; BatchNorm's by themselves."""
    found: dict[str, dict[str, float]] = {}
    for each in asked:
        kind = f"{each.kind}, BatchNorm" if _NORM.search(each.name) else each.kind
        entry = found.setdefault(kind, {"number": 0, "mb": 0.0})
        entry["number"] += 1
        entry["mb"] = round(entry["mb"] + each.bytes / 1e6, 6)
    return found
