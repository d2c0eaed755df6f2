"""JSON lines of the suite -> tables in Markdown, and the part of a page between two marks."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from pathlib import Path

from accelerator.plan import OURS

MARKS = "<!-- gpu.jsonl -->", "<!-- end of gpu.jsonl -->"
GIB = 2**30


def page(lines: list[dict]) -> str:
    """All tables: the machine, steps beside the peer, trainings, feeds, studies, kernels, what failed.

    Of an item that was measured with several settings, the last count.
    """
    lines = [line for line in lines if "left_out" not in line]
    last = {line["item"]: line["settings"] for line in lines}
    lines = [line for line in lines if line["settings"] == last[line["item"]]]
    parts = [
        _machines(lines),
        _pairs(lines),
        _seeds(lines),
        _trainings(lines),
        _feeds(lines),
        _studies(lines),
        *_profiles(lines),
        _failures(lines),
    ]
    return "\n\n".join(part for part in parts if part)


def put_into(path: Path, text: str, marks: tuple[str, str] = MARKS) -> None:
    """Replaces what lies between the marks of a page.

    Raises:
      ValueError: the page has not both marks.
    """
    whole = path.read_text()
    before, begun, rest = whole.partition(marks[0])
    _, ended, after = rest.partition(marks[1])
    if not (begun and ended):
        raise ValueError(f"'{path}' must hold the lines {marks[0]} and {marks[1]}, between which tables go")
    path.write_text(f"{before}{marks[0]}\n\n{text}\n\n{marks[1]}{after}")


def _table(head: str, rows: Iterable[Iterable[str]], left: int = 1) -> str:
    names = [name.strip() for name in head.split("|")]
    rule = ["---" if k < left else "---:" for k in range(len(names))]
    return "\n".join(f"| {' | '.join(row)} |" for row in ([names, rule, *rows]))


def _machines(lines: list[dict]) -> str:
    found = [line for line in lines if line["item"] == "facts" and "device" in line]
    rows = [
        [
            line["device"],
            line["driver"],
            ", ".join(f"{name} {version}" for name, version in line["versions"].items()),
            *(f"{line[key]:g}" for key in ("tflops_bf16", "tflops_f32_default", "tflops_f32_highest")),
            *(f"{line[key]:g}" for key in ("tflops_conv3x3_bf16", "tflops_conv3x3_f32_default")),
            f"{line['copy_gb_s']:g}",
        ]
        for line in found
    ]
    head = (
        "device | driver | versions | bf16 TFLOP/s | f32, default | f32, highest"
        " | 3x3 convolution, bf16 | f32, default | copy GB/s"
    )
    return _table(head, rows, left=3) if rows else ""


def _pairs(lines: list[dict]) -> str:
    items: dict[str, dict[str, list[dict]]] = {}
    for line in lines:
        if "turn" in line:
            items.setdefault(line["item"], {}).setdefault(line["side"], []).append(line)
    ready = {(line["item"], line["side"]): line for line in lines if "ready_s" in line}
    machines = {line["device"]: line for line in lines if "tflops_bf16" in line}
    flops = {  # an image
        _network(line["settings"]): line["flops"] / line["settings"]["batch"]
        for line in lines
        if line["item"].startswith("operations") and "flops" in line
    }
    rows = []
    for item, sides in items.items():
        kinds = [ready[item, side].get("device_kind") for side in sides if (item, side) in ready]
        device = next((kind for kind in kinds if kind), "")
        seconds = {side: [turn["pipelined_step_s"] for turn in turns] for side, turns in sides.items()}
        own = statistics.median(seconds[OURS]) if OURS in seconds else None
        for side, turns in sides.items():
            about = ready.get((item, side), {})
            times, median = seconds[side], statistics.median(seconds[side])
            settings, most = turns[0]["settings"], max(turn["peak_bytes"] or 0 for turn in turns)
            counted = flops.get(_network(settings))
            ceiling = _ceiling(machines.get(device), settings["dtype"])
            rows.append(
                [
                    item,
                    device,
                    side,
                    f"{1000 * median:.2f} ({1000 * min(times):.2f} to {1000 * max(times):.2f})",
                    f"{settings['batch'] / median:.0f}",
                    f"{own / median:.2f}" if own and side != OURS else "",
                    f"{most / GIB:.1f}" if most else "",
                    f"{about['program_bytes'] / GIB:.1f}" if "program_bytes" in about else "",
                    _least(about.get("bytes_compiled"), machines.get(device)),
                    f"{counted / 1e9:.1f}" if counted else "",
                    f"{counted * settings['batch'] / median / 1e10 / ceiling:.0f} %"
                    if counted and ceiling
                    else "",
                    _until_ready(about),
                ]
            )
    head = (
        f"step | device | program | ms, median of turns | images/s | {OURS}'s time / this"
        " | most held, GiB | by XLA's plan | GB moved by it, convolutions apart (ms at the copy's rate)"
        " | GFLOP an image | of the peak | s until ready"
    )
    return _table(head, rows, left=3) if rows else ""


def _until_ready(about: dict) -> str:
    """The seconds of it; of a program that XLA's cache had, which tells nothing of compiling, in brackets."""
    if not about:
        return ""
    return f"({about['ready_s']:.0f})" if about.get("was_cached") else f"{about['ready_s']:.0f}"


def _least(moved: float | None, machine: dict | None) -> str:
    """The bytes of a step, and the time in which they could be moved."""
    if not moved or not machine:
        return ""
    return f"{moved / 1e9:.0f} ({moved / machine['copy_gb_s'] / 1e6:.0f})"


def _network(settings: dict) -> tuple:
    """What the operations of an image depend on."""
    return tuple(settings[name] for name in ("mode", "image", "width", "stages"))


def _ceiling(machine: dict | None, dtype: str) -> float | None:
    """TFLOP/s of a large matrix product in the step's type, on the same device."""
    return machine and machine["tflops_bf16" if dtype == "bf16" else "tflops_f32_default"]


def _seeds(lines: list[dict]) -> str:
    rows = [
        [
            line["item"],
            line["device"],
            f"{1000 * line['apart_s']:.1f}",
            f"{1000 * line['together_s']:.1f}",
            f"{line['ratio']:.2f}",
            f"{line['largest_difference']:.0e}",
        ]
        for line in lines
        if "together_s" in line
    ]
    head = "seeds | device | ms, one after another | ms, together | ratio | largest difference"
    return _table(head, rows, left=2) if rows else ""


def _trainings(lines: list[dict]) -> str:
    rows = [
        [
            f"{line['set']}, {line['images']} images, {_source(line['settings'])}",
            f"{line['settings']['steps']}",
            f"{line['images_per_s']:.0f}",
            f"{1000 * line['steady_step_s']:.1f}",
            f"{1000 * line['feed_s_a_step']:.1f}",
            " + ".join(
                f"{line[part]:.0f}" for part in ("render_and_read_s", "train_s", "evaluate_s") if part in line
            ),
            f"{line['loss_first']:.2f} to {line['loss_last']:.2f}",
            *(
                f"{100 * line['test'][f'{head} accuracy']:.1f} % ({100 * line['chance'][head]:.1f})"
                if "test" in line
                else ""
                for head in ("expression", "pose")
            ),
        ]
        for line in lines
        if "steady_step_s" in line
    ]
    head = (
        "training | steps | images/s | ms a step | of these the host's feed | s: pictures + training +"
        " evaluation | loss | expression, people never seen (chance) | pose (chance)"
    )
    return _table(head, rows) if rows else ""


def _source(settings: dict) -> str:
    """Where a training's images come from, as fields of its configuration."""
    return f"feed={settings['feed']}" if "feed" in settings else f"memory={settings['memory']}"


def _feeds(lines: list[dict]) -> str:
    rows = [
        [
            f"{line['set']}, {_source(line['settings'])}",
            f"{line['feed_alone_images_per_s']:.0f}",
            f"{line['images_per_s']:.0f}",
        ]
        for line in lines
        if "feed_alone_images_per_s" in line
    ]
    head = "feed | images/s that it brings to the device when nothing else is done | of the training"
    return _table(head, rows) if rows else ""


def _studies(lines: list[dict]) -> str:
    rows = [
        [
            f"{line['settings']['table']}, {line['set']}, {line['images']} images",
            row["network"],
            *(
                f"{100 * row[f'{head} accuracy']:.1f} %" if f"{head} accuracy" in row else ""
                for head in ("expression", "pose")
            ),
            f"{line['pictures_s']:.0f} + {line['study_s']:.0f}",
        ]
        for line in lines
        for row in line.get("networks", ())
    ]
    head = "dmljax reproduce | network | expression, people never seen | pose | s of all: pictures + study"
    return _table(head, rows, left=2) if rows else ""


def _profiles(lines: list[dict]) -> list[str]:
    found = []
    for line in lines:
        for by in ("pass", "layer", "kernel"):
            rows = [
                [row["name"], f"{row['ms']:.2f}", f"{100 * row['share']:.1f} %", f"{row['count']:g}"]
                for row in line.get("rows", ())
                if row["by"] == by
            ]
            if rows:
                found.append(_table(f"by {by} | ms a step | share | calls a step", rows[:20]))
    return found


def _failures(lines: list[dict]) -> str:
    """What is missing because it failed; not what was measured when it was tried again."""
    there = {(line["item"], line.get("side", "")) for line in lines if "turn" in line or line.get("done")}
    rows = [
        [line["item"], line.get("side", ""), line["error"]]
        for line in lines
        if "error" in line and (line["item"], line.get("side", "")) not in there
    ]
    return _table("not measured | program | why", rows, left=3) if rows else ""
