"""Numbers of the experiments by hand, from counts and features that were chosen."""

import json

import numpy as np
import pytest
from dmljax.configs import brief
from scipy import stats
from sklearn.metrics import silhouette_score

from dmljax.contracts.finished import finish, score
from dmljax.experiments import clusters, confusions, cross, dynamics, grid, methods, triplets, views
from dmljax.report import standard_errors
from dmljax.report.moderation import Variance, moderated
from dmljax.report.parts import Finding, Table
from dmljax.studies import measures, networks, published, results


def made(experiment, run, right, seeds=(0, 1, 2)):
    """Rows of finished runs; `right(label, seed)` of 20 images in every cell are told."""
    planned = experiment.members(networks.Request(brief.get_config(), seeds, (0,), run, "cmu_faces:F"))
    for member in planned:
        finish(member, right(member.label, member.seed))
    return results.read(planned)[0]


def tables(shown):
    return [part.lines for part in shown if isinstance(part, Table)]


def findings(shown):
    return " ".join(part.text for part in shown if isinstance(part, Finding))


def test_comparison(tmp_path):
    right = {
        "dynamic": (15, 16, 15),
        "lgbp_svm": (20, 20, 20),
        "lbp_svm": (5, 6, 6),
        "densenet": (14, 17, 15),
    }
    rows = made(methods, tmp_path, lambda label, seed: right.get(label, (15, 16, 15))[seed])
    shown = methods.show(rows, tmp_path)
    (lines,) = tables(shown)
    named = {line[0]: line for line in lines}
    ours, rival = (np.array(right[label]) / 20 for label in ("dynamic", "densenet"))
    # of 20 images of a cell, each of 4 people shows every fourth: 15 right are 4, 4, 4, 3
    told = lambda label: np.array([[(n + 3 - k) // 4 / 5 for n in right[label]] for k in range(4)])
    of_seeds = [
        standard_errors.mean_squares(told("dynamic") - told(label)) for label in right if label != "dynamic"
    ]
    squares, own = of_seeds[-1], moderated([Variance(one.seeds / 4, 2) for one in of_seeds])[-1]
    variance, freedom = standard_errors.of_both(squares._replace(seeds=4 * own.value), 4, 3, own.freedom)
    assert (
        named["DenseNet"][3] == f"{100 * rival.mean():.1f}"
        and named["DenseNet"][5] == f"{100 * (ours - rival).mean():+.1f}"
    )
    assert named["DenseNet"][6] == f"± {100 * stats.t.ppf(0.975, freedom) * variance**0.5:.1f}"
    assert named["DenseNet"][7] == "1.000"
    assert named["island loss"][5:8] == ["+0.0", "-", "-"]  # no difference to test
    assert "DML-Net is better than LBP with SVM; better than DML-Net: LGBP with SVM (p < 0.05, H" in findings(
        shown
    )
    assert "over the people of one split" in shown[-1].text and "over 3 comparisons" in shown[-1].text
    here = methods.beside(rows, "table2")
    assert (
        here.cells["DenseNet [33]"] == "{} ({})".format(*named["DenseNet"][3:5]) and "DML-Net" in here.cells
    )


def test_grid_and_an_empty_cell(tmp_path):
    rows = made(grid, tmp_path, lambda label, seed: (5, 10, 15)[seed])
    for row in rows:
        path = tmp_path / "runs/dynamic" / f"seed_{row['seed']}_fold_0/evaluation/metrics.json"
        found = json.loads(path.read_text())
        found["cells"]["counts"][1][0] = found["cells"]["hits"][1][0] = 0
        found["cells"]["hits"][2][1] = 20
        path.write_text(json.dumps(found))
    shown = grid.show(rows, tmp_path)
    (lines,) = tables(shown)
    assert lines[2][1] == "-" and lines[1][1] == "50.0" and lines[3][2] == "100.0"
    assert "1 cells have no test image" in " ".join(part.text for part in shown if hasattr(part, "text"))
    assert "Easiest: sad at pose front (100 %); hardest: happy at pose left (50 %)" in findings(shown)


def test_views(tmp_path):
    rows = made(views, tmp_path, lambda label, seed: 18 if label == "mpcnn" else 10 + seed)
    for row in rows:
        if row["label"] == "dynamic":
            path = tmp_path / "runs/dynamic" / f"seed_{row['seed']}_fold_0/evaluation/metrics.json"
            found = json.loads(path.read_text())
            found["cells"]["hits"] = [[hits - 3, hits + 3] for hits, _ in found["cells"]["hits"]]
            path.write_text(json.dumps(found))
    shown = views.show(rows, tmp_path)
    by_pose, by_expression = tables(shown)
    assert by_pose[0] == ["method", "pose left", "pose front", "frontal", "all"] and by_expression[0] == [
        "method",
        "happy",
        "neutral",
        "sad",
        "all",
    ]
    assert by_pose[-1] == ["DML-Net", "40.0", "70.0", "70.0", "55.0"] and by_expression[-1] == [
        "DML-Net",
        "55.0",
        "55.0",
        "55.0",
        "55.0",
    ]
    assert "Best on frontal faces: multi-scale fusion (MPCNN), 90.0 %; DML-Net: 70.0 %." in findings(shown)
    assert views.beside(rows, "table4") == published.Here(
        "here: expression %, frontal",
        {"SVM [36]": "55.0", "ResNet50 [10]": "55.0", "DenseNet [33]": "55.0", "IACNN [8]": "55.0"}
        | {"IL-CNN [19]": "55.0", "MPCNN [11]": "90.0"}
        | dict.fromkeys(networks.NETWORKS["dynamic"].published, "70.0"),
    )
    assert views.beside(rows, "table6") == methods.beside(rows, "table6")


def test_mean_recall_leaves_out_what_the_other_set_lacks(tmp_path):
    rows = made(cross, tmp_path, lambda label, seed: 10 + seed)
    planned = cross.members(networks.Request(brief.get_config(), (0,), (0, 1), tmp_path, "cmu_faces:F"))
    assert len(planned) == len(cross.METHODS) and {member.folder.parts[-3] for member in planned} == {
        "to_cmu_faces"
    }
    path = tmp_path / "runs/to_cmu_faces/dynamic/seed_0_fold_0/evaluation/metrics.json"
    found = json.loads(path.read_text())
    found["confusion"]["expression"] = [[6, 4, 0], [0, 0, 0], [5, 15, 20]]
    path.write_text(json.dumps(found))
    row = next(row for row in rows if row["label"] == "dynamic" and row["seed"] == 0)
    assert cross._mean_recall(row) == pytest.approx((6 / 10 + 20 / 40) / 2)
    shown = cross.show(rows, tmp_path)
    assert "DML-Net against one ResNet: +0.0 points, alike in all runs" in findings(shown)
    ours = next(line for line in tables(shown)[0] if line[0] == "DML-Net")
    assert cross.beside(rows, "table9").cells["DML-Net"] == "{} ({})".format(*ours[4:6])
    assert ours[4:6] != ours[2:4]


def test_confusions_say_the_most_frequent_mistakes(tmp_path):
    said = findings(confusions.show(made(confusions, tmp_path, lambda label, seed: 15), tmp_path))
    assert "happy taken for neutral (25 %); neutral taken for sad (25 %); sad taken for happy (25 %)" in said
    assert "mistakes of pose: none." in said


def test_silhouettes_and_neighbours_are_of_the_embedding(tmp_path):
    rows = made(triplets, tmp_path, lambda label, seed: 10)
    shown = triplets.show(rows, tmp_path)
    (lines,) = tables(shown)
    own = [measures.features(row) for row in measures.of(rows, "jefl")]
    expected = np.mean([silhouette_score(x, labels["pose"]) for x, labels, _ in own])
    line = next(line for line in lines if line[:2] == ["pose", "both triplets"])
    assert float(line[4]) == pytest.approx(expected, abs=6e-4) and line[2] == "3"
    assert (
        findings(shown).count("both triplets ") == 3
        and "pose triplets" in findings(shown)
        and (tmp_path / "triplets.png").stat().st_size > 10_000
    )


def test_clusters_within_an_expression(rng):
    identity = np.repeat([0, 1, 2], 4)
    apart = np.eye(3)[identity] + 0.01 * rng.normal(size=(12, 3))
    groups = clusters._groups({"expression": np.zeros(12, int), "identity": identity})
    found = clusters._measure(apart, identity, groups)
    assert found["P@1"] == 1 and found["silhouette"] > 0.9 and found["chance"] == pytest.approx(3 / 11)
    alone = clusters._groups({"expression": np.arange(12) % 4, "identity": identity})
    assert alone == {}  # nobody shows an expression twice: nothing to cluster
    assert clusters._measure(apart, identity, alone) == {}


def test_losses_at_the_end_and_weights(tmp_path):
    shown = dynamics.show(made(dynamics, tmp_path, lambda label, seed: 10), tmp_path)
    (lines,) = tables(shown)
    end = np.mean([2 / 19, 2 / 20]) + 0.1  # the last tenth of twenty lines, seeds 0, 1, 2
    assert float(lines[1][2]) == pytest.approx(end, abs=6e-4) and float(lines[1][6]) == pytest.approx(
        end + 1, abs=6e-4
    )
    assert lines[1][5] == "0.510 to 0.700" and float(lines[1][4]) == pytest.approx(
        0.5 + 0.01 * 10.5, abs=6e-4
    )
    assert "expression loss at the end, dynamic against equal weights: +0.000" in findings(shown)


def test_counts_of_runs_are_added(tmp_path):
    rows = made(grid, tmp_path, lambda label, seed: (5, 10, 15)[seed])
    whole = measures.pooled(rows)
    assert whole["cells"]["hits"].tolist() == [[30, 30]] * 3 and whole["confusion"]["expression"].sum() == 360
    assert measures.pooled([]) is None and score(10)["scores"]["expression accuracy"] == 0.5
