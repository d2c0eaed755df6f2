"""Every field of a run: what it means, its default, and what it may be.

Experiments start from `get_config` and change what they need; `dmljax fields` lists the fields. Two presets,
`safe` (the default) and `paper`, are chosen with `--config=NAME:paper`. Here they differ only where the paper
is silent or, taken literally, does not hold: link, normalisation, reduction, guard of the dynamic weights,
warm-up of the moving average. Configurations of the paper's sets have a recipe of their own, which `paper`
leaves out.
"""

from collections.abc import Callable
from inspect import signature

from ml_collections import ConfigDict

from dmljax import fields, plugins
from dmljax.data.feeds import FEEDS
from dmljax.data.resident import MEMORIES
from dmljax.data.splits import KINDS as SPLITS
from dmljax.durations import ABSOLUTE, RELATIVE
from dmljax.fields import Field
from dmljax.losses.triplet import LINKS
from dmljax.models.dmlnet import DMLNet
from dmljax.models.pretrained import PARTS
from dmljax.models.regions import REGIONS
from dmljax.preparation import crop
from dmljax.preparation.crop import MISSED, RULES
from dmljax.training import augment, optimizer, rivals
from dmljax.training.objective import ANCHORS, REDUCTIONS, RELATIONS, SCOPES
from dmljax.training.objective import Options as LossOptions
from dmljax.training.step import GRADIENTS_ON, Program
from dmljax.types import CHECKPOINTS, UserError, nearest
from dmljax.weightings.gradients import HEADS
from dmljax.weightings.wrappers import NORMALISE, RESCALE
from dmljax.weightings.wrapping import NONE, wrap

PRESETS = ("safe", "paper")


def get_config(preset: str = "safe") -> ConfigDict:
    """The base configuration: DML-Net at 224 pixels as in Table 1, on the embedded default set."""
    if preset not in PRESETS:
        raise UserError(
            f"unknown preset '{preset}'; there are {', '.join(PRESETS)}.{nearest(preset, PRESETS)}"
        )
    config = fields.config_dict(declarations())
    config.preset = preset
    if preset == "paper":
        config.losses.link = "none"
        config.losses.normalise = False
        config.losses.reduction = "sum"
        config.weighting.dwa.literal = True
        config.ema.warmup = False
    return config.lock()


def declarations() -> dict:
    """All fields as nested dicts of `Field`, plug-ins' options among them; defaults are those of `safe`."""
    seeded = "Seed of split, data order, initial weights and augmentation."
    return {
        "seed": Field(0, seeded, least=0, most=2**32 - 1),
        "preset": Field("safe", "The preset that the other fields started from.", choices=PRESETS),
        "plugins": Field(plugins.folders(), "Folders with plug-ins of one's own."),
        "dataset": _dataset(),
        "crop": _crop(),
        "split": _split(),
        "data": _data(),
        "augment": augment.FIELDS,
        "model": _model(),
        "backbone": _family("backbones", "resnet", "Backbone of each branch, one of dmljax/backbones/.", {}),
        "init": _init(),
        "losses": _losses(),
        "weighting": _weighting(),
        "optimizer": optimizer.FIELDS | _rate(),
        "ema": _ema(),
        "phases": _phases(),
        "train": _train(),
    }


def _stated(thing: Callable) -> dict:
    """The defaults that a function or class states in its signature, by name."""
    return {name: parameter.default for name, parameter in signature(thing).parameters.items()}


def _family(family: str, name: str, meaning: str, own: dict) -> dict:
    """A section: the choice among a family's plug-ins, the section's own fields, and all plug-ins' options.

    Raises:
      UserError: a plug-in has the name of a field.
    """
    section = {"name": Field(name, meaning, choices=plugins.names(family))} | own
    for other, module in plugins.usable(family).items():
        if other in section:
            raise UserError(
                f"'{other}' cannot be the name of one of the {family}: it is a field of that section of the"
                f" configuration; rename the file {module.__file__}"
            )
        section[other] = fields.of_plugin(f"{family}/{other}", plugins.defaults(family, other))
    return section


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
    return _family("datasets", "synthetic", "The set, one of dmljax/datasets/.", own)


def _crop() -> dict:
    default = _stated(crop.apply)
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
    return {
        "kind": Field("folds", kind, choices=SPLITS),
        "file": Field("", listed, table=True),
        "stratify": Field(True, alike),
        "folds": Field(5, "Number of folds by person.", unit="folds", least=2),
        "fold": Field(0, "Number of the fold that tests; -1: all folds, one run each.", least=-1),
        "test": Field(0.2, "People who test.", unit="share of the identities", above=0, below=1),
        "validation": Field(0.0, held, unit="share of the training identities", least=0, below=1),
    }


def _data() -> dict:
    batch = "Mini-batch over all devices; Table 1 has 15 images, three five-tuples."
    accumulate = "What an optimizer step takes; mining sees one mini-batch at a time."
    return {
        "image_size": Field(224, "Side to which faces are resized (section 3.2).", unit="pixels", least=3),
        "tuples_per_step": Field(3, batch, unit="five-tuples", least=1),
        "accumulate": Field(1, accumulate, unit="mini-batches", least=1),
        "leftovers": Field(False, "Also train on samples that Algorithm 1 leaves in no five-tuple."),
        "feed": Field("resident", "Images kept in memory, or read from disk.", choices=FEEDS),
        "memory": Field("device", "Whose memory resident images are kept in.", choices=MEMORIES),
    }


def _model() -> dict:
    default = _stated(DMLNet)
    dense = "Standard deviation of fully connected layers' initial weights, N(0, 0.04) in Table 1."
    softmax = "Standard deviation of softmax layers' initial weights, N(0, 1/512) in Table 1."
    norm = "BatchNorm in fusion and embedding too, which the paper has not; small networks collapse without."
    stretch = "Eyes and mouth, about a third of the face each (section 3.2), are resized to its size."
    return {
        "branches": Field(
            default["branches"], "Regions with a backbone of their own (MFE).", choices=REGIONS, least=1
        ),
        "pose_head": Field(True, "Whether there is the branch for the pose, HPE (section 3.4)."),
        "fused": Field(
            default["fused"], "Width of f2 (Algorithm 2), not in the paper.", unit="features", least=1
        ),
        "embedding": Field(
            default["embedding"], "Width of e (eq. 1), not in the paper.", unit="features", least=1
        ),
        "hidden": Field(default["hidden"], "Width of each head's hidden layer.", unit="features", least=1),
        "deviation": Field(default["deviation"], dense, above=0),
        "softmax_deviation": Field(default["softmax_deviation"], softmax, above=0),
        "batch_norm": Field(default["batch_norm"], norm),
        "stretch": Field(default["stretch"], stretch),
        "dtype": Field("float32", "Type of the activations.", choices=("float32", "bfloat16")),
        "remat": Field(False, "Compute blocks anew in the backward pass, which saves memory."),
        "sync_batch_norm": Field(True, "BatchNorm's statistics are those of the whole global batch."),
    }


def _init() -> dict:
    checkpoint = "Which checkpoint of that run; its moving averages are taken."
    return {
        "run": Field("", "Folder of a run to start from; empty: initial weights as in Table 1."),
        "checkpoint": Field(CHECKPOINTS[0], checkpoint, choices=CHECKPOINTS),
        "parts": Field(("branches", "fusion"), "What is taken of that run.", choices=tuple(PARTS)),
    }


def _losses() -> dict:
    default = LossOptions()
    margins, squared = dict(default.margins), "squared distance"
    link = "What is taken of m + D+ - D-; eq. 4 and 5 are printed with none and have no lower bound."
    anchors = "The M anchors of eq. 4 and 5: the five-tuples' own, or all images."
    reduction = "The sum of eq. 4 and 5, or a mean over valid anchors times losses.reference_anchors."
    contrastive = "Distance from which unlike pairs cost nothing; embeddings of unit length have at most 2."
    scope = "Where the hardest of the mini-batch (eq. 2 and 3) come from: all devices, or each its own."
    return {
        "triplets": Field(default.triplets, "Relations mined (eq. 6).", choices=tuple(RELATIONS)),
        "margin_pose": Field(
            margins["pose"], "m_pose of eq. 4, no value in the paper.", unit=squared, least=0
        ),
        "margin_identity": Field(
            margins["identity"], "m_id of eq. 5, no value in the paper.", unit=squared, least=0
        ),
        "link": Field(default.link, link, choices=LINKS),
        "normalise": Field(default.normalise, "Mine on embeddings of unit length; eq. 1 does not say."),
        "anchors": Field(default.anchors, anchors, choices=ANCHORS),
        "reduction": Field(default.reduction, reduction, choices=REDUCTIONS),
        "reference_anchors": Field(
            default.reference_anchors, "The M of eq. 4 and 5 that a mean is multiplied by.", least=0
        ),
        "others": Field(
            default.others, "Metric losses beside the triplets or in their place.", choices=rivals.NAMES
        ),
        "contrastive": {"margin": Field(1.0, contrastive, unit="distance", least=0)},
        "island": {"between": Field(0.3, "Weight of the centres' repulsion.", least=0)},
        "tuplet": {
            "threshold": Field(1.0, "Radius of a cluster around its centre.", unit=squared, least=0),
            "margin": Field(0.5, "Gap between what is within and without.", unit=squared, least=0),
        },
        "scope": Field(default.scope, scope, choices=SCOPES),
        "total": {
            task: Field(1.0, f"Weight of {task} in the fixed combination that stops a run.", least=0)
            for task in default.tasks
        },
    }


def _weighting() -> dict:
    default = _stated(Program)
    name = "What sets the weights l_k of eq. 7, one of dmljax/weightings/strategies/."
    gram = "Gradients whose inner products a strategy may ask for: the trunk's, or f2's, which are cheap."
    heads = "What reaches the heads: weighted losses, or every loss in full."
    own = {
        "gram": Field(default["gradients_on"], gram, choices=GRADIENTS_ON),
        "heads": Field(default["heads"], heads, choices=HEADS),
        "wrap": _wrap(),
    }
    return _family("weightings", "dwa", name, own)


def _wrap() -> dict:
    """Changes to any strategy (dmljax/weightings/wrapping.py), whose signature has the defaults."""
    default = _stated(wrap)
    seen = "The strategy sees gradients divided by their norm, by their loss, or made as long as the longest."
    rescale = (
        "What the weights' sum is made, or the weighted gradient's length (match_equal: as equal weights)."
    )
    return {
        "log_losses": Field(default["log_losses"], "The strategy sees the logarithms of the losses."),
        "normalise": Field(default["normalise"], seen, choices=(NONE, *NORMALISE)),
        "window": Field(
            default["window"],
            "The strategy sees sliding means of the losses over this time.",
            unit="steps",
            least=1,
        ),
        "every": Field(
            default["every"], "Interval of the strategy's answers, held in between.", unit="steps", least=1
        ),
        "warmup": Field(default["warmup"], "Time in which every weight is 1 first.", unit="steps", least=0),
        "ema": Field(
            default["ema"],
            "What is kept of the former weights at each answer.",
            unit="share",
            least=0,
            below=1,
        ),
        "low": Field(default["low"], "Least weight of an active task.", least=0),
        "high": Field(default["high"], "Largest weight of an active task; 0: no bound.", least=0),
        "rescale": Field(default["rescale"], rescale, choices=(NONE, *RESCALE)),
    }


def _rate() -> dict:
    return {
        "decay_every": Field("20 epochs", "Length of a stair, not given in Table 1.", unit=RELATIVE),
        "warmup": Field("0 steps", "How long the learning rate rises from 0.", unit=RELATIVE),
    }


def _ema() -> dict:
    default = _stated(Program)
    rising = "The moving average decays by (1 + t) / (10 + t) while that is less; Table 1 has a fixed 0.9999."
    return {
        "decay": Field(default["ema"], "Decay of the weights' moving average (Table 1).", least=0, below=1),
        "warmup": Field(default["ema_warmup"], rising),
    }


def _phases() -> dict:
    first = (
        "How long the pose branch is frozen (section 3.4), no length in the paper; '0 steps': no such phase."
    )
    turn = "How long FER and JEFL train in turn in that phase; the paper says 'interactively'."
    lead = "The heads' lead before mining, none in the paper; it collapses an embedding not yet formed."
    return {
        "first": Field("10%", first, unit=RELATIVE),
        "turn": Field("1 steps", turn, unit=RELATIVE),
        "triplet_after": Field("0 steps", lead, unit=RELATIVE),
    }


def _train() -> dict:
    conflicts = "Interval between logs of norms and cosines of the tasks' gradients on the trunk; 0: never."
    patience = "Stop after so long without a fall of the total loss, no length in the paper; 0: never."
    return {
        "duration": Field("500 epochs", "Length of the run (Table 1).", unit=ABSOLUTE, above=0),
        "log_every": Field("10 steps", "Interval between logged lines.", unit=RELATIVE),
        "save_every": Field("1 epochs", "Interval between checkpoints.", unit=RELATIVE),
        "conflicts_every": Field("0 steps", conflicts, unit=RELATIVE),
        "patience": Field(0, patience, unit="epochs", least=0),
        "least_fall": Field(1e-4, "What counts as a fall.", unit="share of the loss", least=0, below=1),
    }
