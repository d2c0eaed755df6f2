import csv
import json

import numpy as np
import pytest
from scipy import stats

from dmljax.report import comparison
from dmljax.report.parts import Table

EXPRESSION = {
    "equal": [0.70, 0.74, 0.72],
    "dwa": [0.71, 0.74, 0.75],
    "single_expression": [0.75, 0.74, 0.70],
    "single_pose": [0.2, 0.1, 0.1],
}
POSE = {
    "equal": [0.98, 0.99, 1.0],
    "dwa": [0.97, 0.99, 1.0],
    "single_expression": [0.3, 0.2, 0.2],
    "single_pose": [1.0, 0.99, 1.0],
}
SINGLE = {"single_expression": "expression", "single_pose": "pose"}


@pytest.fixture
def rows(tmp_path):
    log = tmp_path / "train.jsonl"  # that of every run here
    line = {
        "step": 5,
        "loss/total": 1.0,
        "loss/expression": 0.7,
        "loss/pose": 0.3,
        "weight/expression": 1.0,
        "weight/pose": 0.5,
    }
    log.write_text("\n".join(json.dumps({**line, "step": k}) for k in (5, 10)) + "\n")
    return [
        {
            "label": label,
            "seed": seed,
            "fold": 0,
            "single": SINGLE.get(label),
            "expression accuracy": EXPRESSION[label][seed],
            "pose accuracy": POSE[label][seed],
            "step_s": 0.1 if label == "equal" else 0.15,
            "peak_bytes": 1000,
            "train_s": 9.0,
            "folder": str(tmp_path),
            "dataset": "toy",
        }
        for seed in range(3)
        for label in EXPRESSION
    ]


def test_numbers_by_hand(rows):
    found = {entry["label"]: entry for entry in comparison.summarise(rows)}
    e, p = (np.array(table["dwa"]) for table in (EXPRESSION, POSE))
    half = stats.t.ppf(0.975, 2) * np.std(e, ddof=1) / 3**0.5
    assert found["dwa"]["expression"] == pytest.approx((e.mean(), e.mean() - half, e.mean() + half))
    alone_e, alone_p = np.array(EXPRESSION["single_expression"]), np.array(POSE["single_pose"])
    drop = 50 * ((alone_e - e) / alone_e + (alone_p - p) / alone_p)
    assert found["dwa"]["delta"][0] == pytest.approx(drop.mean())
    gained = found["dwa"]["difference"]  # nothing is known of the people
    alone = [stats.ttest_rel(EXPRESSION[k], EXPRESSION["equal"]).pvalue for k in ("dwa", "single_expression")]
    assert alone[0] < alone[1] and gained.p == pytest.approx(2 * alone[0])
    assert gained.mean == pytest.approx(np.mean(e - EXPRESSION["equal"])) and gained.unit == "runs"
    assert (
        found["equal"]["difference"] is None
        and "delta" not in found["single_pose"]
        and "expression" not in found["single_pose"]
    )
    assert found["dwa"]["step_s"] == pytest.approx(1.5) and found["dwa"]["peak_bytes"] == 1


def test_what_is_missing_is_shown_as_missing(rows):
    few = [row for row in rows if row["seed"] == 0 and row["label"] in ("dwa", "equal")]
    line = next(line for line in comparison.table(comparison.summarise(few)) if line[0] == "dwa")
    assert line == ["dwa", "1", "71.0", "-", "97.0", "-", "-", "-", "+1.0", "-", "-", "1.50", "1.00"]


def test_p_values_are_of_holm_and_splits_are_counted(rows):
    """Every seed has other test people; the smallest p value of three counts three times."""
    for row in rows:
        row |= {"tested": row["seed"], "ratio": 0.25}
    other = [0.5, 0.61, 0.63]
    rows += [
        {**row, "label": "famo", "expression accuracy": other[row["seed"]]}
        for row in rows
        if row["label"] == "dwa"
    ]
    found = {entry["label"]: entry["difference"] for entry in comparison.summarise(rows)}
    alone = {}
    for label, values in ({**EXPRESSION, "famo": other}).items():
        if label in ("equal", "single_pose"):
            continue
        gains = np.array(values) - EXPRESSION["equal"]
        t = gains.mean() / np.sqrt((1 / 3 + 0.25) * gains.var(ddof=1))
        alone[label] = 2 * stats.t.sf(abs(t), 2)
    assert alone["famo"] < alone["dwa"] < alone["single_expression"]
    assert found["famo"].p == pytest.approx(3 * alone["famo"])
    assert found["dwa"].p == pytest.approx(2 * alone["dwa"])
    assert found["single_expression"].p == pytest.approx(max(alone["single_expression"], 2 * alone["dwa"]))
    assert found["equal"] is None and found["single_pose"] is None


TUNED = [["strategy", "seed", "fold", "optimizer.learning_rate"], ["dwa", "0", "0", "0.007"]]


def test_the_files(rows, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    shown, written = comparison.write(
        folder, rows, ["failed: run/x: it <broke>"], 13, Table(TUNED, title="Tuned")
    )
    assert written == folder / "comparison.html" and shown[1].text == comparison.NOTE
    assert "over the runs alone" in shown[2].text and shown[3].lines == TUNED and shown[4].lost
    assert (
        "dwa" in [line[0] for line in shown[0].lines]
        and (folder / "losses.png").stat().st_size > 1000
        and (folder / "weights.png").stat().st_size > 1000
    )
    table = list(csv.reader((folder / "comparison.csv").read_text().splitlines()))
    assert table[0] == list(comparison.COLUMNS) and ["Tuned"] in table and TUNED[1] in table
    assert {line[0] for line in table[1 : table.index([])]} == set(EXPRESSION)
    page = (folder / "comparison.html").read_text()
    assert (
        "12 of 13 runs" in page
        and "it &lt;broke&gt;" in page
        and page.count("data:image/png;base64,") == 2
        and "http" not in page
    )
    assert "| dwa | 3 |" in (folder / "comparison.md").read_text()


def test_embedding_and_probabilities_in_the_order_of_the_first_table(rows, tmp_path):
    for row in rows:
        row["R-precision"] = 0.5 + 0.01 * row["seed"]
        if row["label"] == "dwa":
            row["ECE"] = 0.1
    shown, _ = comparison.write(tmp_path, rows, [], 12, Table([]))
    table = next(part.lines for part in shown if getattr(part, "title", "").startswith("Embedding"))
    assert table[0] == ["strategy", "R-precision %", "95 %", "calibration error %", "95 %"]
    assert [line[0] for line in table] == [line[0] for line in shown[0].lines]
    found = {line[0]: line[1:] for line in table[1:]}
    assert found["dwa"] == ["51.0", "± 2.5", "10.0", "± 0.0"] and found["equal"][2:] == ["-", "-"]


def test_a_strategy_is_set_beside_its_shuffled_weights(rows, tmp_path):
    shuffled = [
        row
        | {
            "label": "dwa+shuffle",
            "expression accuracy": row["expression accuracy"] - 0.02 * (1 + row["seed"]),
        }
        for row in rows
        if row["label"] == "dwa"
    ]
    shown, _ = comparison.write(tmp_path, rows + shuffled, [], 15, Table([]))
    (table,) = [part.lines for part in shown if getattr(part, "title", "").startswith("Strategies less")]
    header, line = table
    half = stats.t.ppf(0.975, 2) * np.std([2, 4, 6], ddof=1) / 3**0.5
    assert line[:4] == ["dwa", "dwa+shuffle", "+4.0", f"± {half:.1f}"]
    assert not any(
        "Strategies less" in getattr(part, "title", "")
        for part in comparison.write(tmp_path, rows, [], 12, Table([]))[0]
    )


def test_errors_of_angles_have_columns_of_their_own_and_count_into_delta_m(rows):
    for row in rows:
        row["angle error"] = 5.0 + row["seed"] if row["label"] == "equal" else 4.0
    alone = [
        row | {"label": "single_angles", "single": "angles", "angle error": 4.0}
        for row in rows
        if row["label"] == "equal"
    ]
    before = {entry["label"]: entry for entry in comparison.summarise(rows)}
    entries = comparison.summarise(rows + alone)
    found = {entry["label"]: entry for entry in entries}
    assert found["equal"]["angles"][0] == pytest.approx(6.0) and "expression" not in found["single_angles"]
    assert "angles" not in found["single_pose"]
    two, third = before["equal"]["delta"][0], (25 + 50 + 75) / 3
    assert found["equal"]["delta"][0] == pytest.approx((2 * two + third) / 3)
    header, *lines = comparison.table(entries)
    at = header.index("angle error, degrees")
    assert header[at - 2] == "pose %" and header[at + 2] == "delta-m %"
    shown = {line[0]: line[at : at + 2] for line in lines}
    assert shown["equal"] == ["6.00", "± 2.48"] and shown["single_pose"] == ["-", "-"]
