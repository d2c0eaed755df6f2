"""Where a device's time goes: a trace's kernels, summed by name, by layer kind and by pass."""

from __future__ import annotations

import collections
import re
from pathlib import Path

MOST = 40  # kernels listed by name
# What a kernel belongs to by the path of the operation it comes from, first match counts.
LAYERS = {
    "BatchNorm": r"norm",
    "convolution": r"conv",
    "maximum of the stem": r"max_pool|reduce_window|select_and_scatter",
    "optimizer and averages": r"adam|update_moment|move|ema|scale_by",
}


def summary(folder: str | Path, steps: int) -> list[dict]:
    """Rows of {'by', 'name', 'ms', 'share', 'count'} a step: by 'kernel' the longest, by 'layer', by 'pass'.

    A trace without device lines, as of a CPU, is read from the host's lines that carry XLA's operations.
    """
    events = list(_events(Path(folder)))
    whole = sum(ns for _, _, ns in events) or 1
    found = []
    for by, name_of in (("kernel", _kernel), ("layer", _layer), ("pass", _pass)):
        total, count = collections.Counter(), collections.Counter()
        for name, path, ns in events:
            key = name_of(name, path)
            total[key] += ns
            count[key] += 1
        found += [
            {
                "by": by,
                "name": key,
                "ms": round(ns / steps / 1e6, 4),
                "share": round(ns / whole, 4),
                "count": round(count[key] / steps, 1),
            }
            for key, ns in total.most_common(MOST)
        ]
    return found


def _events(folder: Path):
    """(name, path of the operation or '', ns) of every kernel in the newest trace of a folder."""
    from jax.profiler import ProfileData

    path = max(folder.rglob("*.xplane.pb"), key=lambda file: file.stat().st_mtime)
    planes = list(ProfileData.from_file(str(path)).planes)
    device = [plane for plane in planes if plane.name.startswith("/device:")]
    for plane in device or [plane for plane in planes if plane.name.startswith("/host:CPU")]:
        for line in plane.lines:
            if device and not line.name.lower().startswith("stream"):
                continue  # the same time again, by module or by operation
            for event in line.events:
                stats = {key: value for key, value in event.stats if key}
                if device or "hlo_op" in stats:
                    yield event.name, str(stats.get("tf_op") or stats.get("name") or ""), event.duration_ns


def _kernel(name: str, path: str) -> str:
    """The kernel's name without its number, and the layer kind."""
    return f"{re.sub(r'[._]?[0-9]+$', '', name)[:90]} ({_layer(name, path)})"


def _layer(name: str, path: str) -> str:
    for layer, pattern in LAYERS.items():
        if re.search(pattern, path, re.IGNORECASE):
            return layer
    return "copy" if "memcpy" in name.lower() else "other"


def _pass(name: str, path: str) -> str:
    if not path:
        return "unknown"
    return "backward" if "transpose(" in path else "forward" if "jvp(" in path else "the rest"
