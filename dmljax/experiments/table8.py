"""Table 8, the ablation: one ResNet, three branches (MFE), + pose head (HPE), + metric learning (JEFL), + dynamic weights (DWML)."""
from __future__ import annotations

from pathlib import Path

from dmljax.compare.members import Member
from dmljax.report import statistics
from dmljax.types import UserError

# Each row adds one part of the method to the row before it.
ROWS = {
    "one_resnet": ("one ResNet", ("--config.model.branches=('face',)", "--config.model.pose_head=False", "--config.losses.triplets=()",
                                  "--config.weighting.name=equal")),
    "mfe": ("MFE", ("--config.model.pose_head=False", "--config.losses.triplets=()", "--config.weighting.name=equal")),
    "hpe": ("+ HPE", ("--config.losses.triplets=()", "--config.weighting.name=equal")),
    "jefl": ("+ JEFL", ("--config.weighting.name=equal",)),
    "dynamic": ("+ dynamic weights", ("--config.weighting.name=dwa",)),
}
# Expression accuracy in %, from the paper; ResNet-50 at 224 pixels.
PUBLISHED = {
    "KDEF": (83.7, 84.0, 85.5, 86.1, 88.2), "BU-3DFE": (78.4, 81.8, 82.3, 82.6, 83.5), "Multi-PIE": (90.5, 90.5, 91.2, 93.0, 93.5),
}


def members(config, *, seeds: tuple[int, ...], folds: tuple[int, ...], run: Path) -> list[Member]:
    """The runs, seed by seed, so that an unfinished ablation is balanced.

    Raises:
      UserError: the set has nothing that one of the parts needs.
    """
    if not config.model.pose_head or len(config.model.branches) < 2 or not config.losses.triplets:
        raise UserError("table8 takes parts of the whole method away: give a configuration with three branches, a pose head and triplets")
    where = lambda seed, fold: (f"--config.seed={seed}", f"--config.split.fold={fold}")  # noqa: E731
    return [
        Member(label, seed, fold, run / "table8" / label / f"seed_{seed}_fold_{fold}", (*arguments, *where(seed, fold)))
        for seed in seeds for fold in folds for label, (_, arguments) in ROWS.items()
    ]


def table(rows: list[dict]) -> list[list[str]]:
    """The ablation as texts, the header first: means with 95 % intervals over runs, a paired t test against the row before, rates.

    Args:
      rows: of `compare.members.read_results`. A part without a run has '-'.
    """
    found = {(row["label"], row["seed"], row["fold"]): row for row in rows}
    header = ["network", "runs", "expression %", "95 %", "gain", "p, row before", "pose %", "train images/s",
              *(f"paper: {name} %" for name in PUBLISHED)]
    lines, before = [header], None
    for k, (label, (title, _)) in enumerate(ROWS.items()):
        own = [row for row in rows if row["label"] == label]
        pairs = [(row["expression accuracy"], other["expression accuracy"]) for row in own
                 if (other := found.get((before, row["seed"], row["fold"]))) is not None]
        mean, half = statistics.cell(statistics.interval([row["expression accuracy"] for row in own]), 100)
        pose, _ = statistics.cell(statistics.interval([row["pose accuracy"] for row in own if "pose accuracy" in row]), 100)
        gain = f"{100 * sum(a - b for a, b in pairs) / len(pairs):+.1f}" if pairs else "-"
        rates = sorted(row["images_s"] for row in own if row.get("images_s"))
        lines.append([title, str(len(own)), mean, half, gain, statistics.probability(statistics.paired(pairs)), pose,
                      f"{rates[len(rates) // 2]:.0f}" if rates else "-", *(f"{values[k]:.1f}" for values in PUBLISHED.values())])
        before = label
    return lines


def verdict(rows: list[dict]) -> list[str]:
    """A sentence for each part of the method: whether it helped here."""
    found = {(row["label"], row["seed"], row["fold"]): row["expression accuracy"] for row in rows}
    lines, labels = [], list(ROWS)
    for before, label in zip(labels, labels[1:]):
        pairs = [(value, found[before, seed, fold]) for (name, seed, fold), value in found.items() if name == label and (before, seed, fold) in found]
        title, p = ROWS[label][0].removeprefix("+ "), statistics.paired(pairs)
        if p is None:
            lines.append(f"{title}: too few runs to say.")
            continue
        gain = 100 * sum(a - b for a, b in pairs) / len(pairs)
        told = "a gain" if p < 0.05 and gain > 0 else "a loss" if p < 0.05 else "no difference that these runs could show"
        lines.append(f"{title}: {gain:+.1f} points, {told} (p {'' if p < 0.001 else '= '}{statistics.probability(p)}, {len(pairs)} pairs).")
    return lines
