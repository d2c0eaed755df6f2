"""Fields of the images: the set, the faces in it, who trains and tests, mini-batches, augmentation."""

from dmljax.configs._parts import of_family, stated, with_options

from dmljax import plugins
from dmljax.data.feeds import FEEDS
from dmljax.data.resident import MEMORIES
from dmljax.data.splits import KINDS as SPLITS
from dmljax.fields import Field
from dmljax.preparation import crop
from dmljax.preparation.crop import MISSED, RULES
from dmljax.training import augment, mix


def sections() -> dict:
    """From the set to the images of a mini-batch."""
    return {
        "dataset": _dataset(),
        "crop": _crop(),
        "split": _split(),
        "sampler": _sampler(),
        "data": _data(),
        "augment": _augment(),
        "mix": mix.FIELDS,
    }


def _dataset() -> dict:
    joined = "Several sets joined, 'kdef:FOLDER,rafd:FOLDER'; empty: dataset.name in dataset.root."
    other = "Another set to test on, 'sfew:FOLDER', labels meeting by name; empty: people of the same set."
    own = {
        "root": Field("", "Folder or archive of the set, as it lies or prepared."),
        "labels": Field(
            "", "CSV of reference, pose, identity that adds to or corrects the set's labels.", table=True
        ),
        "train": Field("", joined),
        "test": Field("", other),
    }
    return of_family("datasets", "synthetic", "The set, one of dmljax/datasets/.", own)


def _crop() -> dict:
    default = stated(crop.apply)
    rule = (
        "What says where the face is: the set, nothing, a table of boxes a view or an image, or a detector."
    )
    margin = "Margin around a table's or detector's box."
    searched = "Longer side of what a detector searches: more finds smaller faces."
    return {
        "rule": Field(default["rule"], rule, choices=(*RULES, *plugins.names("detectors"))),
        "table": Field(
            default["table"], "CSV of views or boxes, for crop.rule=views and crop.rule=boxes.", table=True
        ),
        "margin": Field(default["margin"], margin, unit="share of the box's longer side", least=0, below=2),
        "side": Field(default["side"], searched, unit="pixels", least=64, most=4096),
        "missed": Field(
            default["missed"], "Images without a face: skipped and listed, or taken whole.", choices=MISSED
        ),
    }


def _split() -> dict:
    kind = "Who tests: a fold, a fraction, whom the set gives, as many as in the paper, or who is listed."
    listed = "For split.kind=list: split.json of another run, or a text with a test person's name a line."
    alike = "People are chosen so that expressions and poses are alike on all sides, as far as people allow."
    held = "People who choose the best checkpoint."
    shown = "Images of each person and expression that train or choose, while tests keep all; 0: all."
    likely = "Chance that each of them is taken at the expression's own pose, as long as there is one."
    at = "Expressions' own poses, such as happiness=45,anger=-45; others get the poses in their order."
    return {
        "kind": Field("folds", kind, choices=SPLITS),
        "file": Field("", listed, table=True),
        "stratify": Field(True, alike),
        "folds": Field(5, "Number of folds by person.", unit="folds", least=2),
        "fold": Field(0, "Number of the fold that tests; -1: all folds, one run each.", least=-1),
        "test": Field(0.2, "People who test.", unit="share of the identities", above=0, below=1),
        "validation": Field(0.0, held, unit="share of the training identities", least=0, below=1),
        "shown": Field(0, shown, unit="images", least=0),
        "correlation": Field(0.0, likely, unit="probability", least=0, most=1),
        "poses_of": Field("", at),
    }


def _sampler() -> dict:
    name = "How mini-batches are drawn; auto: five_tuples, or uniform without triplets where there are none."
    return of_family("samplers", "auto", name, {})


def _data() -> dict:
    batch = "Mini-batch of five-tuples over all devices; Table 1 has 15 images, three five-tuples."
    images = "Mini-batch over all devices of samplers without five-tuples."
    accumulate = (
        "What an optimizer step takes, as one batch; mining and BatchNorm see one mini-batch at a time."
    )
    return {
        "image_size": Field(224, "Side to which faces are resized (section 3.2).", unit="pixels", least=3),
        "tuples_per_step": Field(3, batch, unit="five-tuples", least=1),
        "batch_size": Field(32, images, unit="images", least=1),
        "accumulate": Field(1, accumulate, unit="mini-batches", least=1),
        "leftovers": Field(False, "Also train on samples that Algorithm 1 leaves in no five-tuple."),
        "feed": Field("resident", "Images kept in memory, or read from disk.", choices=FEEDS),
        "memory": Field("device", "Whose memory resident images are kept in.", choices=MEMORIES),
    }


def _augment() -> dict:
    steps = "Further steps after those above, in this order; each one of dmljax/augmentations/."
    chain = Field((), steps, choices=plugins.names("augmentations"))
    return with_options("augmentations", augment.FIELDS | {"chain": chain})
