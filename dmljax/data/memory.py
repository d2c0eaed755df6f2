"""Whether a set fits into memory, asked before it is read."""

from __future__ import annotations

from pathlib import Path

from dmljax.types import Samples, UserError

_MEMINFO, _CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def needed(samples: Samples, image_size: int) -> int:
    """Bytes of all images of a set as uint8 [S, image_size, image_size, 3]."""
    return len(samples) * image_size**2 * 3


def free() -> int | None:
    """Bytes that this process may still take: of the machine, or of its container; None where that is not
    known.
    """
    known = [room for room in (_of_machine(), _of_container()) if room is not None]
    return min(known, default=None)


def check(samples: Samples, image_size: int, room: int | None, *, where: str, instead: str) -> None:
    """Raises UserError if a set's images need more than `room` bytes; `instead` says what to set."""
    if room is not None and (bytes_needed := needed(samples, image_size)) > room:
        raise UserError(
            f"{samples.name}: {len(samples):,} images of {image_size} x {image_size} pixels take"
            f" {bytes_needed / 2**30:.1f} GiB {where}, and {room / 2**30:.1f} GiB are free; {instead}"
        )


def _of_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _of_container() -> int | None:
    """By the limit of control group version 2; what files take there can be given back."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="ascii"))  # 'max': no limit, no number
        taken = int((_CGROUP / "memory.current").read_text(encoding="ascii"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        stat = dict(line.split() for line in lines)
        return limit - taken + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None
