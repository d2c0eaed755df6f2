import pytest
from dmljax.configs import brief
from scipy import stats

from dmljax.experiments import ablation
from dmljax.report.parts import Finding, Table
from dmljax.studies import networks


def results(values):
    """label -> accuracies of seeds 0, 1, ..."""
    return [
        {
            "label": label,
            "seed": seed,
            "fold": 0,
            "expression accuracy": value,
            "images_s": 100.0 + seed,
            "frames_s": 7.4,
        }
        for label, row in values.items()
        for seed, value in enumerate(row)
    ]


def test_each_row_adds_one_part(tmp_path):
    planned = ablation.members(networks.Request(brief.get_config(), (0, 1), (3,), tmp_path))
    assert [m.label for m in planned] == list(ablation.ROWS) * 2 and planned[5].seed == 1
    parts = ["model.branches", "model.pose_head", "losses.triplets"]
    assert [[part in member.changes for part in parts] for member in planned[:5]] == [
        [True, True, True],
        [False, True, True],
        [False, False, True],
        [False, False, False],
        [False, False, False],
    ]
    assert [planned[k].changes for k in (3, 4)] == [{"weighting.name": "equal"}, {"weighting.name": "dwa"}]


def test_the_table_and_what_it_says(tmp_path):
    values = {
        "one_resnet": [0.70, 0.72, 0.71],
        "mfe": [0.80, 0.83, 0.80],
        "hpe": [0.80, 0.82, 0.82],
        "dynamic": [0.5, 0.5, 0.5],
    }
    shown = ablation.show(results(values), tmp_path)
    lines, together = [part.lines for part in shown if isinstance(part, Table)]
    said = [part.text for part in shown if isinstance(part, Finding)]
    assert [line[0] for line in lines[1:]] == ["one ResNet", "MFE", "+ HPE", "+ JEFL", "+ dynamic weights"]
    gain = [0.10, 0.11, 0.09]
    assert lines[2][2] == "81.0" and lines[2][4] == "+10.0"
    half = 100 * stats.t.ppf(0.975, 2) * stats.sem(gain)
    assert lines[2][5] == f"± {half:.1f}"
    p = 2 * stats.ttest_1samp(gain, 0).pvalue  # the smaller of two that can be tested
    assert float(lines[2][6].replace("< ", "")) == pytest.approx(p, abs=6e-4)
    assert [line[0] for line in together[1:]] == ["MFE", "+ HPE", "+ JEFL", "+ dynamic weights"]
    assert together[1][1:3] == lines[2][4:6] and together[2][1] == "+10.3" and together[3][1] == "-"
    of_last = [0.5 - value for value in values["one_resnet"]]
    least = 3 * stats.ttest_1samp(of_last, 0).pvalue  # the smallest of three that can be tested
    assert float(together[4][3].replace("< ", "")) == pytest.approx(least, abs=6e-4)
    # no run of JEFL: nothing to compare the last row with
    assert lines[4][1:7] == ["0", "-", "-", "-", "-", "-"] and lines[5][4] == "-"
    assert lines[1][8:10] == ["7", "101"]
    assert ablation.beside(results(values), "table8").cells == {
        "ResNet50 [10]": "{} ({})".format(*lines[1][2:4]),
        "MFE": "{} ({})".format(*lines[2][2:4]),
        "MFE+HPE": "{} ({})".format(*lines[3][2:4]),
        "MFE+HPE+JEFL": "-",
        "DML-Net": "50.0",
        "MFE+HPE+JEFL+ADW": "50.0",
    }
    assert (
        said[0].startswith(f"MFE: +10.0 ± {half:.1f} points, a gain (p = 0.0")
        and "no difference" in said[1]
        and "3 pairs" in said[0]
    )
    assert (
        said[2] == "JEFL: too few runs to say, 0 pairs."
        and said[3] == "dynamic weights: too few runs to say, 0 pairs."
    )
