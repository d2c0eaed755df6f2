"""Where a device's time goes: a trace's kernels, summed by name, by layer kind and by pass."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator
from pathlib import Path

MOST = 40  # kernels listed by name
# What a kernel belongs to, by the path of the operation in the network; the first match counts.
LAYERS = {
    "BatchNorm": r"norm",
    "convolution": r"conv",
    "maximum of the stem": r"max_pool|reduce_window|select_and_scatter",
    "losses and heads": r"head|embedding|fusion|loss",
    "optimizer and averages": r"adam|moment|scale_by|ema|move",
}
# And by the kernel's own name where it comes from a library, which leaves no path.
LIBRARIES = {
    "convolution": r"conv|cudnn|dgrad|wgrad|fprop|implicit",
    "matrix product": r"gemm|cublas|cutlass|nvjet",
    "copy": r"memcpy|memset|copy|transpose",
}
_NAMED = re.compile(r'^\s*(?:ROOT )?%?([\w.\-]+) = .*op_name="([^"]*)"', re.MULTILINE)


def summary(trace: str | Path, program: str, steps: int) -> list[dict]:
    """Rows of 'by', 'name', 'ms', 'share', 'count' of a step: by 'pass', by 'layer', the longest kernels.

    Args:
      trace: an .xplane.pb of the profiler. One without a device, as of a CPU, is read from the host's lines
        that carry XLA's operations.
      program: text of the compiled program, which names the operation that an instruction comes from.
      steps: how many are in the trace.
    """
    paths = {_plain(name): path for name, path in _NAMED.findall(program)}
    path_of = lambda at, name: paths.get(_plain(at)) or paths.get(_plain(name)) or ""
    events = [(name, path_of(at, name), ns) for name, at, ns in _events(str(trace))]
    whole = sum(ns for _, _, ns in events) or 1
    found = []
    for by, name_of in (("pass", _pass), ("layer", _layer), ("kernel", _kernel)):
        total, count = collections.Counter(), collections.Counter()
        for name, path, ns in events:
            total[name_of(name, path)] += ns
            count[name_of(name, path)] += 1
        found += [
            {
                "by": by,
                "name": name,
                "ms": round(ns / steps / 1e6, 4),
                "share": round(ns / whole, 4),
                "count": round(count[name] / steps, 1),
            }
            for name, ns in total.most_common(MOST)
        ]
    return found


def _events(trace: str) -> Iterator[tuple[str, str, float]]:
    """(name, instruction of the program, ns) of every kernel.

    The instruction of a kernel in a CUDA graph is the graph; its name is that of a fusion, if it is one.
    """
    from jax.profiler import ProfileData

    planes = list(ProfileData.from_file(trace).planes)
    device = [plane for plane in planes if plane.name.startswith("/device:GPU")]
    for plane in device or planes:
        streams = [line for line in plane.lines if line.name.startswith("Stream")]
        for line in streams or plane.lines:
            for event in line.events:
                at = dict(event.stats).get("hlo_op", "")
                if device or at:
                    yield event.name, str(at), event.duration_ns


def _plain(name: str) -> str:
    """Kernels have underscores where instructions have dots and dashes."""
    return re.sub(r"[^A-Za-z0-9]", "_", name)


def _pass(name: str, path: str) -> str:
    if not path:
        return "unknown"
    return "backward" if "transpose(" in path else "forward" if "jvp(" in path else "the rest"


def _layer(name: str, path: str) -> str:
    for text, kinds in ((path.lower(), LAYERS), (name.lower(), LIBRARIES)):
        for kind, pattern in kinds.items():
            if re.search(pattern, text):
                return kind
    return "other"


def _kernel(name: str, path: str) -> str:
    """The kernel's name without its number, and the kind of layer."""
    return f"{re.sub(r'([._][0-9]+)+$', '', name)[:80]} ({_layer(name, path)})"
