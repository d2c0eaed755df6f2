"""Steps of the paper's network compiled for TPUs and GPUs that are not here, and a table of them."""

import json
import subprocess
import sys
from pathlib import Path

from absl import flags
from accelerator import tables
from dmljax.launch import cli

from dmljax.costs import chips
from dmljax.report.tables import markdown
from dmljax.types import UserError

SUMMARY = "Compiles the paper's steps for TPUs and GPUs, 30 images a chip; writes a table of them."
USAGE = """\
    python benchmarks/topologies.py
    python benchmarks/topologies.py --only= --page=docs/guides/accelerators.md

Wants dmljax[tpu] and dmljax[cuda]. A process of its own compiles each, for some fifteen minutes where it is
of TPUs; what is in the file is not compiled again. The second makes the page's table from what is there.
"""
EACH = 30  # images a chip
MARKS = "<!-- topologies.jsonl -->", "<!-- end of topologies.jsonl -->"

# name -> the slice, and further flags of `dmljax benchmark`
PLAN = {
    "train v5e:1x1": ("v5e:1x1", {}),
    "train v5e:2x2": ("v5e:2x2", {}),
    "train v5e:4x4": ("v5e:4x4", {}),
    "train v5e:8x8": ("v5e:8x8", {}),
    "train v5e:16x16": ("v5e:16x16", {}),
    "infer v5e:1x1": ("v5e:1x1", {"mode": "infer"}),
    "train v5e:4x4 BatchNorm over 4": ("v5e:4x4", {"batch_norm_group": 4}),
    "train v5e:4x4 BatchNorm over 1": ("v5e:4x4", {"batch_norm_group": 1}),
    "train v6e:2x2": ("v6e:2x2", {}),
    "train v5p:2x2x1": ("v5p:2x2x1", {}),
    "train v5e:2x2 remat": ("v5e:2x2", {"remat": True}),
    "train h100:1": ("h100:1", {}),
    "train h100:8": ("h100:8", {}),
    "train h100:8 BatchNorm over 1": ("h100:8", {"batch_norm_group": 1}),
    "infer h100:1": ("h100:1", {"mode": "infer"}),
    # which benchmarks/gpu.py has measured
    "train h200:1 batch 120": ("h200:1", {"batch": 120}),
    "infer h200:1 batch 120": ("h200:1", {"mode": "infer", "batch": 120}),
}
COLUMNS = (
    "step",
    "chips",
    "GFLOP an image",
    "GB moved",
    "GB by XLA's count",
    "GiB held",
    "all-reduces",
    "MB",
    "ms by operations",
    "by memory",
    "by links",
)


def define(values) -> None:
    flags.DEFINE_string(
        "out", "benchmarks/topologies.jsonl", "file of a JSON line a step", flag_values=values
    )
    flags.DEFINE_list("only", list(PLAN), "steps; empty: none", flag_values=values)
    flags.DEFINE_string("page", "", "Markdown file whose table is made anew", flag_values=values)


def run(values) -> None:
    out = Path(values.out)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    if unknown := [name for name in values.only if name and name not in PLAN]:
        raise UserError(f"must be of {'; '.join(PLAN)}; got '{unknown[0]}'", parameter="only")
    known = {line["step"] for line in lines}
    for name in filter(None, values.only):
        if name not in known:
            lines.append({"step": name} | compiled(*PLAN[name]))
            with out.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(" | ".join(row(lines[-1])), flush=True)
    ordered = [line for name in PLAN for line in lines if line["step"] == name]
    table = markdown([list(COLUMNS), *map(row, ordered)])
    if values.page:
        tables.put_into(Path(values.page), table, MARKS)
    else:
        print(table)


def compiled(name: str, options: dict) -> dict:
    """What `dmljax benchmark --compile_for` says, by a process whose memory is given back."""
    batch = EACH * chips.slice_of(name).chips
    given = {"mode": "train", "image": 224, "batch": batch, "dtype": "bf16", "compile_for": name}
    asked = [f"--{key}={value}" for key, value in (given | options).items()]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dmljax", "benchmark", *asked], capture_output=True, text=True
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise UserError(f"{name} was not compiled: {last[0]}")
    return json.loads(done.stdout)


def row(line: dict) -> list[str]:
    held, estimates = line["gib_held"], line["estimate_ms"]
    asked = [each for kind, each in line["collectives"].items() if kind.startswith("all-reduce")]
    return [
        line["step"],
        str(line["chips"]),
        f"{line['gflop'] * line['chips'] / line['batch']:.1f}",
        f"{line['gb_moved']:.1f}",
        "" if line["gb_accessed"] is None else f"{line['gb_accessed']:.1f}",
        f"{sum(size for part, size in held.items() if part != 'of'):.1f} of {held['of']:.0f}",
        str(sum(each["number"] for each in asked)),
        f"{sum(each['mb'] for each in asked):.0f}",
        *(f"{estimates[by]:.1f}" for by in ("operations", "memory", "links")),
    ]


if __name__ == "__main__":
    cli.run("benchmarks/topologies.py", SUMMARY, USAGE, define, run)
