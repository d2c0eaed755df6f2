"""Fields of the losses and of what weighs them."""

from dmljax.configs._parts import of_family, stated

from dmljax.fields import Field
from dmljax.losses.triplet import LINKS
from dmljax.training import rivals
from dmljax.training.heads import AnglesLoss, HeadLoss
from dmljax.training.objective import ANCHORS, REDUCTIONS, RELATIONS, SCOPES
from dmljax.training.objective import Options as LossOptions
from dmljax.training.step import GRADIENTS_ON, Program
from dmljax.types import ALL_TASKS
from dmljax.weightings.gradients import HEADS
from dmljax.weightings.wrappers import NORMALISE, RESCALE
from dmljax.weightings.wrapping import NONE, wrap


def sections() -> dict:
    """Losses by task, and the strategy that weighs them."""
    return {
        "losses": _losses(),
        "weighting": _weighting(),
    }


def _losses() -> dict:
    default = LossOptions()
    margins, squared = dict(default.margins), "squared distance"
    mined = "Relations mined (eq. 6); expression, which the paper has not, is mining by class alone."
    link = "What is taken of m + D+ - D-; eq. 4 and 5 are printed with none and have no lower bound."
    anchors = "The M anchors of eq. 4 and 5: the five-tuples' own, or all images."
    reduction = "The sum of eq. 4 and 5, or a mean over valid anchors times losses.reference_anchors."
    contrastive = "Distance from which unlike pairs cost nothing; embeddings of unit length have at most 2."
    scope = "Where the hardest of the mini-batch (eq. 2 and 3) come from: all devices, or each its own."
    return {
        "triplets": Field(default.triplets, mined, choices=tuple(RELATIONS)),
        "margin_pose": Field(
            margins["pose"], "m_pose of eq. 4, no value in the paper.", unit=squared, least=0
        ),
        "margin_identity": Field(
            margins["identity"], "m_id of eq. 5, no value in the paper.", unit=squared, least=0
        ),
        "margin_expression": Field(
            margins["expression"], "Margin of triplets by expression alone.", unit=squared, least=0
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
        "expression": _head("expression"),
        "pose": _head("pose"),
        "angles": _angles(),
        "contrastive": {"margin": Field(1.0, contrastive, unit="distance", least=0)},
        "island": {"between": Field(0.3, "Weight of the centres' repulsion.", least=0)},
        "tuplet": {
            "threshold": Field(1.0, "Radius of a cluster around its centre.", unit=squared, least=0),
            "margin": Field(0.5, "Gap between what is within and without.", unit=squared, least=0),
        },
        "scope": Field(default.scope, scope, choices=SCOPES),
        "total": {
            task: Field(1.0, f"Weight of {task} in the fixed combination that stops a run.", least=0)
            for task in ALL_TASKS
        },
    }


def _head(task: str) -> dict:
    default = HeadLoss()
    weights = (
        "Weight of each class: inverse, effective, or 'fear=2, anger=0.5' with 1 for others; empty: all 1."
    )
    return {
        "smoothing": Field(
            default.smoothing, f"Label smoothing of the {task} head.", unit="share", least=0, below=1
        ),
        "gamma": Field(default.gamma, f"Focal loss of the {task} head; 0: plain cross-entropy.", least=0),
        "class_weights": Field("", weights),
        "beta": Field(0.999, "Beta of class_weights=effective (arXiv:1901.05555).", least=0, below=1),
    }


def _angles() -> dict:
    default = AnglesLoss()
    delta = "Error from which model.angles_head=huber has a linear loss; the loss is in units of it."
    alpha = "Weight of the squared error beside the cross-entropy of model.angles_head=binned."
    return {
        "delta": Field(default.delta, delta, unit="degrees", above=0),
        "alpha": Field(default.alpha, alpha, unit="1 / degrees^2", least=0),
    }


def _weighting() -> dict:
    default = stated(Program)
    name = "What sets the weights l_k of eq. 7, one of dmljax/weightings/strategies/."
    gram = "Gradients whose inner products a strategy may ask for: the trunk's, or f2's, which are cheap."
    heads = "What reaches the heads: weighted losses, or every loss in full."
    own = {
        "gram": Field(default["gradients_on"], gram, choices=GRADIENTS_ON),
        "heads": Field(default["heads"], heads, choices=HEADS),
        "wrap": _wrap(),
    }
    return of_family("weightings", "dwa", name, own)


def _wrap() -> dict:
    """Changes to any strategy (dmljax/weightings/wrapping.py), whose signature has the defaults."""
    default = stated(wrap)
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
        "shuffle": Field(default["shuffle"], "The weights are dealt to the tasks at random: a control."),
        "rescale": Field(default["rescale"], rescale, choices=(NONE, *RESCALE)),
    }
