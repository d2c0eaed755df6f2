import pytest
from dmljax.configs import quick, sfew
from scipy import stats

from dmljax.experiments import table8
from dmljax.types import UserError


def results(values):
    """label -> accuracies of seeds 0, 1, ..."""
    return [{"label": label, "seed": seed, "fold": 0, "expression accuracy": value, "images_s": 100.0 + seed}
            for label, row in values.items() for seed, value in enumerate(row)]


def test_each_row_adds_one_part(tmp_path):
    planned = table8.members(quick.get_config(), seeds=(0, 1), folds=(3,), run=tmp_path)
    assert [m.label for m in planned] == list(table8.ROWS) * 2 and planned[5].seed == 1
    assert planned[0].folder == tmp_path / "table8" / "one_resnet" / "seed_0_fold_3"
    taken_away = [set(a.partition("=")[0] for a in m.arguments) for m in planned[:5]]
    parts = ["--config.model.branches", "--config.model.pose_head", "--config.losses.triplets"]
    assert [[part in arguments for part in parts] for arguments in taken_away] == [
        [True, True, True], [False, True, True], [False, False, True], [False, False, False], [False, False, False]]
    assert planned[3].arguments[0] == "--config.weighting.name=equal" and planned[4].arguments[0] == "--config.weighting.name=dwa"


def test_the_table_and_what_it_says():
    values = {"one_resnet": [0.70, 0.72, 0.71], "mfe": [0.80, 0.83, 0.80], "hpe": [0.80, 0.82, 0.82], "dynamic": [0.5, 0.5, 0.5]}
    lines = table8.table(results(values))
    assert [line[0] for line in lines[1:]] == ["one ResNet", "MFE", "+ HPE", "+ JEFL", "+ dynamic weights"]
    gain = [0.10, 0.11, 0.09]
    assert lines[2][2] == "81.0" and lines[2][4] == "+10.0"
    assert float(lines[2][5].replace("< ", "")) == pytest.approx(stats.ttest_1samp(gain, 0).pvalue, abs=6e-4)
    assert lines[4][1:6] == ["0", "-", "-", "-", "-"] and lines[5][4] == "-"  # no run of JEFL: nothing to compare the last row with
    assert lines[1][-3:] == ["83.7", "78.4", "90.5"] and lines[5][-3:] == ["88.2", "83.5", "93.5"] and lines[1][7] == "101"
    said = table8.verdict(results(values))
    assert said[0].startswith("MFE: +10.0 points, a gain (p = 0.0") and "no difference" in said[1] and "3 pairs" in said[0]
    assert said[2] == "JEFL: too few runs to say." and said[3] == "dynamic weights: too few runs to say."


def test_a_configuration_without_the_parts_is_refused(tmp_path):
    with pytest.raises(UserError, match="table8 takes parts of the whole method away"):
        table8.members(sfew.get_config(), seeds=(0,), folds=(0,), run=tmp_path)
