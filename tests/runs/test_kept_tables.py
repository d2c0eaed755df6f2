"""Tables that a run's configuration names are moved, renamed, edited and deleted after the training."""

import hashlib
import json
import shutil

import pytest

import dmljax
from dmljax import config as configuration
from dmljax import config_differences
from dmljax.datasets import folder
from dmljax.fields import flatten
from dmljax.runs import kept_tables, page, record, resume, sets, trained
from dmljax.runs.evaluate import evaluate
from dmljax.studies import engines, members, study
from dmljax.training.checkpoint import Checkpoints
from dmljax.types import UserError
from tests.runs.test_page import begun, small

pytestmark = pytest.mark.usefixtures("standard_promotion")
FIELDS = ("crop.table", "dataset.labels", "split.file")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def boxes(left=2):
    names = (
        f"p{p}_{e}_{yaw}.ppm" for p in range(4) for yaw in (-45, 0, 45) for e in ("anger", "joy", "neutral")
    )
    return "path,left,top,right,bottom\n" + "".join(f"{name},{left},3,{left + 20},25\n" for name in names)


def make(base):
    """A configuration with all three tables, and their folder."""
    folder.write_fixture(str(base / "set"))
    there = base / "there"
    fields = {
        "dataset.name": "folder",
        "dataset.root": str(base / "set"),
        "dataset.labels": write(there / "labels.csv", "reference,pose,identity\np0_joy_0.ppm,,p1\n"),
        "crop.rule": "boxes",
        "crop.table": write(there / "boxes.csv", boxes()),
        "split.kind": "list",
        "split.file": write(there / "who.txt", "p2\np3\n"),
    }
    return small(**fields), there


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    base = tmp_path_factory.mktemp("original")
    config, _ = make(base)
    begun(config, base / "run")
    return base, dict(evaluate(base / "run", progress=False))


@pytest.fixture
def made(original, tmp_path):
    """(run, its configuration, folder of the tables, its scores), in a place of their own."""
    base, scores = original
    shutil.copytree(base / "run", tmp_path / "run")
    config, there = make(tmp_path)
    configuration.write(config, tmp_path / "run" / "config.json")
    return tmp_path / "run", config, there, scores


def test_a_run_has_copies_and_their_digests(made):
    run, config, there, _ = made
    kept = json.loads((run / "tables" / "digests.json").read_text())
    assert sorted(kept) == sorted(FIELDS) == sorted(config_differences.table_fields())
    for field, name in zip(FIELDS, ("boxes.csv", "labels.csv", "who.txt")):
        content = (there / name).read_bytes()
        assert (run / "tables" / field / name).read_bytes() == content
        assert kept[field] == {"file": name, "sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize(
    "happens",
    ["edited", *(pytest.param(happens, marks=pytest.mark.slow) for happens in ("deleted", "renamed"))],
)
def test_evaluation_report_and_load_do_not_need_the_originals(made, happens):
    run, _, there, scores = made
    if happens == "edited":
        write(there / "boxes.csv", boxes(9))
        write(there / "labels.csv", "nothing\n")
        write(there / "who.txt", "p0\n")
    else:
        there.rename(there.parent / "elsewhere") if happens == "renamed" else shutil.rmtree(there)
    assert dict(evaluate(run, progress=False)) == scores
    assert page.write(run, features=False, progress=False).exists()
    assert dmljax.load(run).classes.expression_names == ("anger", "joy", "neutral")


def test_a_run_is_continued_with_its_own_tables(made):
    run, config, there, _ = made
    elsewhere = there.rename(there.parent / "elsewhere")
    assert resume.check_same(run, config).crop.table == str(run / "tables" / "crop.table" / "boxes.csv")
    renamed = (elsewhere / "boxes.csv").rename(elsewhere / "faces.csv")
    assert resume.check_same(run, configuration.changed(config, {"crop.table": str(renamed)}))
    before = (run / "tables" / "digests.json").stat().st_mtime_ns
    kept_tables.keep(run, kept_tables.read(resume.check_same(run, config)))
    assert (run / "tables" / "digests.json").stat().st_mtime_ns == before


def test_a_finished_run_that_is_called_again_has_its_copies_again(made):
    run, config, *_ = made
    copy = run / "tables" / "crop.table" / "boxes.csv"
    shutil.rmtree(copy.parent)
    (run / "split.json").unlink()
    record.restore(run, sets.open_set(resume.check_same(run, config), progress=False), {})
    assert copy.read_text() == boxes() and (run / "split.json").exists()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("crop.table", "crop.table: the content of '.*boxes.csv' has changed since; the run's own copy is"),
        ("dataset.labels", "dataset.labels: the content of '.*labels.csv' has changed"),
        ("split.file", "split.file: the content of '.*who.txt' has changed"),
    ],
)
def test_an_edited_table_is_another_configuration(made, field, told):
    run, config, *_ = made
    with open(flatten(config.to_dict())[field], "a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=f"holds a run of another configuration: {told}") as raised:
        resume.check_same(run, config)
    assert not [other for other in FIELDS if other != field and other in str(raised.value)]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("other.csv", "crop.table: '.*boxes.csv' there, '.*other.csv' here, with another content"),
        ("nowhere.csv", "crop.table: '.*boxes.csv' there, '.*nowhere.csv' here, where there is no table"),
        ("", "crop.table: '.*boxes.csv' there, '' here, where there is no table"),
    ],
)
def test_another_table_is_another_configuration(made, path, told):
    run, config, there, _ = made
    write(there / "other.csv", boxes(5))
    with pytest.raises(UserError, match=told):
        resume.check_same(
            run, configuration.changed(config, {"crop.table": str(there / path) if path else ""})
        )


def test_a_damaged_copy_is_found_and_the_original_serves(made):
    run, config, there, scores = made
    copy = run / "tables" / "crop.table" / "boxes.csv"
    write(copy, boxes(9))
    assert dict(evaluate(run, progress=False)) == scores
    kept_tables.keep(run, kept_tables.read(resume.check_same(run, config)))
    assert copy.read_text() == boxes()
    copy.unlink()
    (there / "boxes.csv").unlink()
    with pytest.raises(
        UserError, match="crop.table: the run's own copy '.*' is gone or was changed, and '.*bo"
    ):
        evaluate(run, progress=False)
    (run / "tables" / "digests.json").write_text('{"crop.table": 5}')
    with pytest.raises(UserError, match="digests.json' is damaged"):
        evaluate(run, progress=False)


def test_a_run_that_is_begun_anew_without_tables_keeps_none(made):
    run, *_ = made
    write(run / "tables" / "crop.table" / "stale.csv", "")
    one = kept_tables.read(kept_tables.own(run, made[1]))["crop.table"]
    kept_tables.keep(run, {"crop.table": one})
    left = sorted(
        str(path.relative_to(run / "tables")) for path in (run / "tables").rglob("*.*") if path.is_file()
    )
    assert left == ["crop.table/boxes.csv", "digests.json"]
    kept_tables.keep(run, {})
    assert kept_tables.own(run, made[1]) == made[1]
    assert not [path for path in (run / "tables").rglob("*") if path.is_file()]


def test_a_run_without_copies_reads_by_path_and_says_where_to_write_another(made):
    """As runs were before they kept their tables."""
    run, config, there, scores = made
    shutil.rmtree(run / "tables")
    assert dict(evaluate(run, progress=False)) == scores
    moved = (there / "boxes.csv").rename(there / "moved.csv")
    with pytest.raises(UserError, match=r"crop.table, and .*write into '.*config.json' .*\(crop.table\)"):
        evaluate(run, progress=False)
    with pytest.raises(UserError, match="crop.table: '.*boxes.csv' there, '.*moved.csv' here"):
        resume.check_same(run, configuration.changed(config, {"crop.table": str(moved)}))
    saved = json.loads((run / "config.json").read_text())
    saved["crop"]["table"] = str(moved)
    (run / "config.json").write_text(json.dumps(saved))
    assert dict(evaluate(run, progress=False)) == scores
    assert resume.check_same(run, configuration.changed(config, {"crop.table": str(moved)}))


def test_runs_on_the_same_tables_share_their_images(made, tmp_path):
    run, *_ = made
    shutil.copytree(run, tmp_path / "again")
    first, second = trained.open_runs([run, tmp_path / "again"], progress=False)
    assert first.feed is second.feed and first.config.crop.table != second.config.crop.table


def test_a_folder_of_tables_and_one_that_is_too_large(tmp_path, monkeypatch):
    write(tmp_path / "faces" / "one.csv", "a")
    write(tmp_path / "faces" / "two.csv", "b")
    write(tmp_path / "faces" / "readme.txt", "c")
    config = configuration.get_config("quick", {"crop.table": str(tmp_path / "faces"), "split.file": "gone"})
    found = kept_tables.read(config)
    assert list(found) == ["crop.table"]
    kept_tables.keep(tmp_path / "run", found)
    copied = tmp_path / "run" / "tables" / "crop.table"
    assert sorted(path.name for path in copied.iterdir()) == ["one.csv", "two.csv"]
    (tmp_path / "faces").rename(tmp_path / "moved")
    assert kept_tables.own(tmp_path / "run", config).crop.table == str(copied)
    (copied / "one.csv").rename(copied / "three.csv")  # a table may be called like its image
    with pytest.raises(UserError, match="crop.table: the run's own copy"):
        kept_tables.own(tmp_path / "run", config)
    other = configuration.changed(config, {"crop.table": str(tmp_path / "moved")})
    found = kept_tables.read(other)
    write(tmp_path / "moved" / "two.csv", "b, and more")
    with pytest.raises(UserError, match="crop.table: '.*moved' has changed while the run began"):
        kept_tables.keep(tmp_path / "run", found)
    monkeypatch.setattr(kept_tables, "MOST_BYTES", 3)
    with pytest.raises(
        UserError, match="crop.table: '.*moved' has 0 MiB, and a run keeps a copy of tables of"
    ):
        kept_tables.read(other)


def test_each_fold_has_its_copies_and_a_study_s_members_read_one_state(tmp_path, monkeypatch):
    config, there = make(tmp_path)
    config = configuration.changed(config, {"split.kind": "folds", "split.fold": -1, "split.folds": 2})
    for one, run in sets.folds(config, tmp_path / "folds"):
        kept_tables.keep(run, sets.open_set(one, progress=False).tables)
        assert kept_tables.own(run, one).crop.table == str(run / "tables" / "crop.table" / "boxes.csv")
    started = []
    monkeypatch.setattr(engines, "processes", lambda usable, **how: started.extend(usable) or [])
    planned = [members.Member("dwa", 0, 0, tmp_path / "study" / "dwa" / "seed_0_fold_0", {})]
    options = study.StudyOptions(tmp_path / "study", progress=False)
    config = configuration.changed(config, {"split.fold": 0})
    assert study.run_missing(config, planned, options) == []
    copy = str(tmp_path / "study" / "tables" / "crop.table" / "boxes.csv")
    read = lambda: configuration.get_config(started[-1].config_file).crop.table
    assert read() == copy
    shutil.rmtree(there)
    assert study.run_missing(config, planned, options) == [] and read() == copy and len(started) == 2
    write(there / "boxes.csv", boxes(9))
    with pytest.raises(UserError, match="holds a study of another configuration: crop.table: the content of"):
        study.run_missing(config, planned, options)


def test_a_finished_member_of_other_tables_is_told(made):
    run, config, there, _ = made
    member = members.Member("dwa", config.seed, config.split.fold, run, {})
    assert members.outdated(config, member) == ""
    write(there / "boxes.csv", boxes(9))
    assert "a finished run of another configuration: crop.table: the content" in members.outdated(
        config, member
    )


@pytest.mark.parametrize("gone", ["digests.json", ""])
def test_a_changed_table_without_the_run_s_record_of_it_is_told(made, gone):
    """The checkpoint knows what the tables were."""
    run, config, there, _ = made
    (run / "tables" / gone).unlink() if gone else shutil.rmtree(run / "tables")
    (there / "boxes.csv").write_text(boxes(left=1))
    with pytest.raises(UserError, match=r"^crop.table: '.*boxes.csv' was changed since step 0"):
        evaluate(run, progress=False)
    with pytest.raises(UserError, match="crop.table: of another content there"):
        resume.from_checkpoint(Checkpoints(run), config, sets.open_set(config, progress=False), print)


def test_finished_members_survive_the_original(tmp_path, monkeypatch):
    """A study whose table was moved away goes on with its own copy, and keeps what it has finished."""
    config, there = make(tmp_path)
    planned = members.of_strategies(config, ["dwa"], (0,), (0,), tmp_path / "study")
    options = study.StudyOptions(tmp_path / "study", progress=False)

    def finish_all(members_of, **_):
        for member in members_of:
            begun(configuration.get_config(member.config_file), member.folder)
            (member.folder / members.COST).write_text("{}")
        return []

    monkeypatch.setattr(engines, "processes", finish_all)
    assert study.run_missing(config, planned[:1], options) == []
    (there / "boxes.csv").rename(there / "elsewhere.csv")
    assert planned[0].finished and study.run_missing(config, planned[:1], options) == []


def test_a_name_that_no_disk_can_hold_is_no_table(made):
    assert "crop.table" not in kept_tables.read(configuration.changed(made[1], {"crop.table": "b" * 300}))
