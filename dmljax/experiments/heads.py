"""What the heads see: the embedding, which the triplets shape, or the fused feature below it."""

from __future__ import annotations

from dmljax.report import differences, statistics
from dmljax.report.parts import Finding, Part, Table, Text
from dmljax.studies import measures, networks
from dmljax.studies.members import Member, run_name

TITLE = "What the heads see, the embedding or the fused feature, with and without pose head and triplets"
ITEMS = ("heads",)
ON_FUSED = "_on_fused"  # end of a label
INPUTS = {"model.expression_input": "fused", "model.pose_input": "fused"}
# Equal weights throughout, so that the heads' input alone differs.
NETWORKS = {
    "mfe": "no pose head, no triplets",
    "mined": "triplets, no pose head",
    "hpe": "pose head, no triplets",
    "jefl": "pose head and triplets",
}


def members(request: networks.Request) -> list[Member]:
    """Raises UserError if the configuration lacks a part that is taken away."""
    networks.check_whole(request.config, "the heads' input")
    on_embedding = networks.members_of(request, NETWORKS)
    return on_embedding + [
        one._replace(
            label=one.label + ON_FUSED,
            folder=request.folder / "runs" / (one.label + ON_FUSED) / run_name(one.seed, one.fold),
            changes=one.changes | INPUTS,
        )
        for one in on_embedding
    ]


def show(rows: list[dict], out) -> list[Part]:
    """Accuracies on both inputs, and what the fused feature gives more, tested in pairs."""
    del out
    compared = {
        (label, measure): measures.difference(rows, label + ON_FUSED, label, measure)
        for label in NETWORKS
        for measure in ("expression accuracy", "pose accuracy")
    }
    of = [measure for _, measure in compared]
    gains = dict(zip(compared, differences.adjusted(list(compared.values()), of)))
    lines = [["network", "runs", "measure", "on e, %", "95 %", "on f2, %", "95 %", *statistics.COMPARED]]
    said = []
    for (label, measure), found in gains.items():
        own, fused = measures.of(rows, label), measures.of(rows, label + ON_FUSED)
        if not any(measure in row for row in own + fused):
            continue
        cells = [*measures.percent(own, measure), *measures.percent(fused, measure)]
        counts = f"{len(own)} and {len(fused)}"
        lines.append([NETWORKS[label], counts, measure, *cells, *statistics.compared(found)])
        if found is not None:
            points = f"{NETWORKS[label]}, {measure}: {measures.gain(found)} points"
            said.append(Finding(f"{points}, {measures.told(found)}."))
    note = "The difference is what heads on the fused feature f2 have more than heads on the embedding e."
    return [Table(lines), *said, Text(note), *measures.notes(list(gains.values()))]
