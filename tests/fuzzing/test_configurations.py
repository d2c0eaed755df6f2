"""Configurations of any content: one whose fields are all in their ranges, or an error in one line."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import dmljax
from dmljax import config as configuration
from dmljax import fields
from dmljax.types import UserError
from tests.fuzzing.damage import bounded, damaged, in_one_line, within

pytestmark = pytest.mark.slow

QUICK = configuration.get_config("quick")
FLAT = fields.flatten(QUICK.to_dict())
SECTIONS = sorted({name.rpartition(".")[0] for name in FLAT} - {""})
SAVED = configuration.trimmed(QUICK)

numbers = (
    st.integers() | st.floats() | st.sampled_from([2**31, 2**64, 10**400, -(10**400), 1e308, -0.0, math.nan])
)
texts = st.text(max_size=6) | st.sampled_from(
    ["10%", "3 epochs", "0 steps", "-1 steps", "1e9 steps", f"{'9' * 400} steps", "é\ud800", "\0", "x" * 9000]
)  # fmt: skip
plain = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    plain | st.sampled_from([(), {}, set(), b"bytes", object, len]),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.sampled_from(["name", "seed", "a.b", "", "."]) | texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
names = st.sampled_from(sorted(FLAT)) | st.sampled_from(SECTIONS) | texts | plain


def nested(depth: int) -> dict:
    tree: dict = {"seed": 1}
    for _ in range(depth):
        tree = {"train": tree}
    return tree


def like(value):
    """Values that are nearly of the kind of this one."""
    if isinstance(value, bool):
        return st.booleans() | plain
    if isinstance(value, int | float):
        return numbers
    if isinstance(value, tuple):
        return st.lists(st.sampled_from(value or ("",)) | plain | values, max_size=4).map(tuple)
    return texts | st.sampled_from(["last", "best", "paper", "safe", "folds", "none"])


def check(make) -> None:
    """What `make` returns has passed its check, can be saved, and comes back as it was."""
    with within(20):
        try:
            made = make()
        except (UserError, TypeError) as error:
            in_one_line(error)
            return
        configuration.check(made)
        text = json.dumps(configuration.trimmed(made))
        assert configuration.trimmed(configuration.complete(json.loads(text))) == json.loads(text)


@bounded(300)
@given(st.dictionaries(names, values, max_size=3))
@example({"seed": {}})
@example({"train": {}})
@example({"": 1})
@example({"dataset": {"name": "synthetic", "synthetic": {"identities": [{}]}}})
@example({"train": {"duration": "3 epochs"}, "train.duration": "4 epochs"})
def test_any_changes(changes):
    check(lambda: configuration.get_config("quick", changes))


@bounded(200)
@given(st.sampled_from(sorted(FLAT)).flatmap(lambda name: st.tuples(st.just(name), like(FLAT[name]))))
def test_a_field_nearly_of_its_kind(change):
    check(lambda: configuration.get_config("quick", dict([change])))


def test_changes_nested_too_deeply():
    with pytest.raises(UserError, match="nested too deeply"):
        configuration.get_config("quick", nested(5000))


@bounded(60)
@given(values)
@example([("seed", 1)])
@example("seed=1")
def test_what_is_no_dict_of_changes(changes):
    check(lambda: configuration.get_config("quick", changes))


@bounded(100)
@given(texts | values, values | st.sampled_from(["safe", "paper"]))
@example("quick:", "safe")
@example("x" * 300, "safe")
@example("quick:paper:safe", "safe")
@example("..", "safe")
def test_any_name_and_preset(name, preset):
    check(lambda: configuration.get_config(name, preset=preset))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def check_read(run, content: bytes) -> None:
    """A run's config.json of this content, read as a run's and as a configuration file."""
    (run / "config.json").write_bytes(content)
    check(lambda: configuration.read(run))
    check(lambda: configuration.get_config(run / "config.json"))


@bounded(300)
@given(damaged(json.dumps(SAVED).encode(), (b"\xff\xfe{\0", b"\x89PNG\r\n\x1a\n", b"[1, 2", b"null")))
@example(b"{}")
@example(b"")
@example(b"null")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"seed": ' + b"9" * 5000 + b"}")
@example(b'{"seed": NaN, "preset": ["safe"]}')
@example(b'{"preset": {}, "plugins": 5}')
@example(b'{"plugins": [5, null]}')
@example(b'{"plugins": "/tmp"}')
def test_a_damaged_file(run, content):
    check_read(run, content)


json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@bounded(200)
@given(st.dictionaries(st.sampled_from(sorted(FLAT) + SECTIONS), json_values, min_size=1, max_size=2))
@example({"dataset": 5})
@example({"dataset": {}})
@example({"dataset.name": {"a": 1}})
@example({"dataset.train": 5})
@example({"weighting.name": "no such"})
@example({"plugins": {"a": 1}})
def test_a_file_with_other_values(run, changes):
    saved = json.loads(json.dumps(SAVED))
    for name, value in changes.items():
        *sections, key = name.split(".")
        section = saved
        for one in sections:
            section = section.get(one) if isinstance(section, dict) else None
        if isinstance(section, dict):
            section[key] = value
    check_read(run, json.dumps(saved).encode())


@bounded(30)
@given(values)
def test_what_is_no_configuration(tmp_path_factory, value):
    with pytest.raises(TypeError) as raised:
        dmljax.train(value, tmp_path_factory.getbasetemp() / "never")
    in_one_line(raised.value)
