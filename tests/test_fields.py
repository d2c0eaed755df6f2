"""The declarations of all fields: meanings, ranges, the check of a whole configuration, the table."""

import importlib
import re

import pytest
from dmljax.configs import base

from dmljax import config, config_sources, durations, fields, weightings
from dmljax.fields import Field
from dmljax.preparation import crop
from dmljax.training import augment, mix, optimizer
from dmljax.types import UserError

DECLARED = fields.flatten(base.declarations())
OWN = {name: field for name, field in DECLARED.items() if not field.plugin}
NUMBERS = {name: field for name, field in OWN.items() if type(field.default) in (int, float)}
CONFIGS = config_sources.named()


def changed(**values):
    """The base configuration with other values, as nested dicts; names have '__' for the dot."""
    plain = base.get_config().to_dict()
    for name, value in values.items():
        *sections, last = name.split("__")
        place = plain
        for section in sections:
            place = place[section]
        place[last] = value
    return plain


def told(**values):
    return fields.problems(base.declarations(), changed(**values))


@pytest.mark.parametrize("name", OWN)
def test_a_field_has_a_meaning_of_one_sentence_and_an_allowed_default(name):
    field = OWN[name]
    assert (
        field.meaning.endswith(".") and field.meaning[0].isupper() or field.meaning.startswith(("m_", "l_"))
    )
    assert ". " not in field.meaning.replace("eq. ", "") and len(field.meaning) <= 110
    assert field.allows(field.default)


@pytest.mark.parametrize("name", [name for name, field in DECLARED.items() if field.plugin])
def test_a_plug_in_s_option_has_the_meaning_that_its_documentation_gives(name):
    assert re.fullmatch(r"[A-Z`'0-9].*\S\.", DECLARED[name].meaning), DECLARED[name].meaning


def test_a_plug_in_s_option_names_the_plug_in():
    meaning = "Which of the two recordings, 'both', 'A' or 'B'."
    assert DECLARED["dataset.kdef.sessions"] == Field("both", meaning, plugin="datasets/kdef")
    assert DECLARED["dataset.synthetic.size"].default == 224
    mine = fields.of_plugin("weightings/mine", {"power": 2.0})
    assert mine == {"power": Field(2.0, plugin="weightings/mine")}
    assert fields.problems(mine, {"power": float("inf")}) == []  # the plug-in knows its own ranges
    assert fields.problems(mine, {"power": "x"}) == ["power must be a number, got 'x'."]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_s_range_holds_what_is_in_it_and_nothing_else(name):
    field = NUMBERS[name]
    step = 1 if isinstance(field.default, int) else 1e-6
    assert field.least is not None or field.above is not None  # no number of a run may be anything
    for bound, inside, outside in (
        (field.least, 0, -step),
        (field.most, 0, step),
        (field.above, step, 0),
        (field.below, -step, 0),
    ):
        if bound is not None:
            assert field.allows(bound + inside) and not field.allows(bound + outside)
    for value in (float("nan"), float("inf"), True, "1", None):
        assert not field.allows(value)
    assert field.allows(field.default + 0.5 * step) == isinstance(field.default, float)


@pytest.mark.parametrize("name", [name for name, field in OWN.items() if field.choices])
def test_a_choice_is_one_of_those_named(name):
    field = OWN[name]
    several = isinstance(field.default, tuple)
    for choice in field.choices:
        assert field.allows((choice,) if several else choice)
    wrong = field.choices[0] + "x"
    assert not field.allows((field.choices[0], wrong) if several else wrong)
    assert all(choice in field.range for choice in field.choices)


@pytest.mark.parametrize("name", [name for name, field in OWN.items() if field.unit in durations.FORMS])
def test_a_duration_is_a_number_and_its_unit(name):
    field = OWN[name]
    assert field.allows("3 steps") and field.allows("0.5 epochs")
    assert field.allows("10%") == (name != "train.duration") == field.allows("0 steps")
    for text in ("soon", "3", "-1 epochs", 3, ""):
        assert not field.allows(text)


def test_every_text_that_is_read_as_a_duration_is_declared_as_one():
    texts = {name for name, field in OWN.items() if durations.parse(field.default, durations.RELATIVE)}
    assert texts == {name for name, field in OWN.items() if field.unit in durations.FORMS} != set()


def test_several_names_may_be_few_but_each_once():
    assert told(model__branches=()) == [
        "model.branches must be one or more of face, eyes, mouth, each once, got ()."
    ]
    assert told(losses__triplets=(), losses__others=["island"]) == []  # as JSON has it, a list
    assert len(told(losses__triplets=("pose", "pose"))) == len(told(losses__triplets="pose")) == 1


def test_flags_and_texts_keep_their_kind():
    assert told(model__remat=1) == ["model.remat must be True or False, got 1."]
    assert told(dataset__root=3) == ["dataset.root must be a text, got 3."]
    assert told(dataset__kdef__sessions=3) == ["dataset.kdef.sessions must be a text, got 3."]


def test_all_offending_fields_are_told_at_once_with_what_is_allowed_and_what_came():
    found = told(
        seed=-1,
        data__image_size=-5,
        model__embedding=-1,
        data__accumulate=0,
        train__patience=-3,
        optimizer__b1=1.5,
        losses__link="hing",
        train__duration="10%",
    )
    assert set(found) == {
        "seed must be a whole number from 0 to 4294967295, got -1.",
        "data.image_size must be a whole number of at least 3 (pixels), got -5.",
        "model.embedding must be a whole number of at least 1 (features), got -1.",
        "data.accumulate must be a whole number of at least 1 (mini-batches), got 0.",
        "train.patience must be a whole number of at least 0 (epochs), got -3.",
        "optimizer.b1 must be a number of at least 0 and below 1, got 1.5.",
        "losses.link must be one of hinge, softplus, none, got 'hing'. Did you mean 'hinge'?",
        "train.duration must be a duration such as '100 steps', '20 epochs' above 0, got '10%'.",
    }
    with pytest.raises(UserError) as error:
        fields.check(base.declarations(), changed(seed=-1, data__accumulate=0))
    assert "seed must" in str(error.value) and "data.accumulate must" in str(error.value)


def test_fields_that_are_not_there_and_names_that_are_none():
    plain = changed(data__imagesize=3)
    del plain["data"]["image_size"], plain["dataset"]["kdef"]  # a run folder names the chosen plug-in alone
    assert fields.problems(base.declarations(), plain) == [
        "data.image_size is missing; it must be a whole number of at least 3.",
        "There is no field data.imagesize. Did you mean 'data.image_size'?",
    ]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("preset", base.PRESETS)
def test_every_configuration_of_the_package_passes_whole_and_trimmed(name, preset):
    made = importlib.import_module(f"dmljax.configs.{name}").get_config(preset)
    config.check(made)
    assert fields.problems(base.declarations(), config.trimmed(made)) == []


def test_the_base_configuration_is_the_declared_defaults():
    made = fields.flatten(base.get_config().to_dict())
    assert made == {name: field.default for name, field in DECLARED.items()}
    assert {name: type(value) for name, value in made.items()} == {
        name: type(field.default) for name, field in DECLARED.items()
    }


def outside(section):
    """(name, value) just out of each bound of a section's numbers."""
    found = []
    for name, field in NUMBERS.items():
        head, _, last = name.rpartition(".")
        bounds = ((field.least, -1), (field.above, 0), (field.most, 1), (field.below, 0))
        found += [(last, bound + step) for bound, step in bounds if head == section and bound is not None]
    assert found
    return found


@pytest.mark.parametrize(("name", "value"), outside("optimizer"))
def test_the_optimizer_refuses_what_its_fields_do(name, value):
    with pytest.raises(ValueError, match=f"optimizer.{name} must be"):
        optimizer.build(**{name: value})


@pytest.mark.parametrize(("name", "value"), outside("augment"))
def test_augmentation_refuses_what_its_fields_do(name, value):
    with pytest.raises(ValueError, match=f"augment.{name} must be"):
        augment.check(augment.Options(**{name: value}))


@pytest.mark.parametrize(("name", "value"), outside("mix"))
def test_mixing_refuses_what_its_fields_do(name, value):
    with pytest.raises(ValueError, match=f"mix.{name} must be"):
        mix.check(mix.Options(**{name: value}), ("expression",))


@pytest.mark.parametrize(("name", "value"), outside("weighting.wrap"))
def test_wrappers_refuse_what_their_fields_do(name, value):
    with pytest.raises(ValueError, match=f"the wrapper ({name}|clip) takes"):
        weightings.wrap(weightings.equal(), **{name: value})


@pytest.mark.parametrize(("name", "value"), outside("crop"))
def test_cropping_refuses_what_its_fields_do(name, value):
    with pytest.raises(ValueError, match=f"crop.{name}"):
        crop.apply(None, **{name: value})


def test_the_table_has_every_field_or_those_of_a_prefix():
    declared = base.declarations()
    assert [row.name for row in fields.rows(declared)] == list(DECLARED)
    assert fields.rows(declared, "crop.side") == [
        (
            "crop.side",
            "480",
            "pixels",
            "a whole number from 64 to 4096",
            "Longer side of what a detector searches: more finds smaller faces.",
        )
    ]
    text = fields.markdown({"a": Field("x|y", "One | two.", choices=("x|y", "z"))})
    assert text.splitlines()[2] == "| `a` | `'x\\|y'` |  | one of x\\|y, z | One \\| two. |"
    kdef = "Which of the two recordings, 'both', 'A' or 'B'. Option of datasets/kdef."
    assert f"| `dataset.kdef.sessions` | `'both'` |  | a text | {kdef} |" in fields.markdown(
        declared, "dataset"
    )
    with pytest.raises(UserError, match="begins with 'trian'. Did you mean 'train'?"):
        fields.rows(declared, "trian")
