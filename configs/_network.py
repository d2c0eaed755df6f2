"""Fields of the network: its parts, their backbone, what they start from."""

from dmljax.configs._parts import of_family, stated

from dmljax.fields import Field
from dmljax.models.dmlnet import ANGLE_KINDS, HEAD_INPUTS, DMLNet
from dmljax.models.pretrained import PARTS
from dmljax.models.regions import NORMALISATIONS, REGIONS
from dmljax.types import CHECKPOINTS, IMAGENET


def sections() -> dict:
    """The network and its first weights."""
    return {
        "model": _model(),
        "backbone": of_family(
            "backbones", "resnet", "Backbone of each branch, one of dmljax/backbones/.", {}
        ),
        "init": _init(),
    }


def _model() -> dict:
    default = stated(DMLNet)
    dense = "Standard deviation of fully connected layers' initial weights, N(0, 0.04) in Table 1."
    softmax = "Standard deviation of softmax layers' initial weights, N(0, 1/512) in Table 1."
    norm = "BatchNorm in fusion and embedding too, which the paper has not; small networks collapse without."
    normalised = "Each image by its own mean and deviation (section 3.2), as ImageNet's, or by the two given."
    grey = "Mean of red, green and blue for model.normalisation=given."
    spread = "Standard deviation of red, green and blue for model.normalisation=given."
    angles = "Head for yaw, pitch and roll: three numbers, or a softmax over bins for each; empty: none."
    degrees = "degrees"
    seen = "What the {} head sees, f2 or e; the paper can be read both ways."
    dropped = "Dropout of what the heads see, while training."
    groups = "Devices, one after the other, that share BatchNorm's statistics; 0: all, 1: each has its own."
    stretch = "Eyes and mouth, about a third of the face each (section 3.2), are resized to its size."
    return {
        "normalisation": Field("image", normalised, choices=NORMALISATIONS),
        "pixel_mean": Field(IMAGENET[0], grey, unit="share of 255", least=3, most=3),
        "pixel_deviation": Field(IMAGENET[1], spread, unit="share of 255", least=3, most=3),
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
        "angles_head": Field("", angles, choices=("", *ANGLE_KINDS)),
        "angles_bin": Field(default["angle_bin"], "Width of a bin of that head.", unit=degrees, above=0),
        "angles_most": Field(
            99.0, "Largest angle in either direction that its bins reach.", unit=degrees, above=0, most=180
        ),
        "hidden": Field(default["hidden"], "Width of each head's hidden layer.", unit="features", least=1),
        "expression_input": Field(
            default["expression_input"], seen.format("expression"), choices=HEAD_INPUTS
        ),
        "pose_input": Field(default["pose_input"], seen.format("pose"), choices=HEAD_INPUTS),
        "angles_input": Field(default["angles_input"], seen.format("angles"), choices=HEAD_INPUTS),
        "dropout": Field(default["dropout"], dropped, unit="probability", least=0, below=1),
        "deviation": Field(default["deviation"], dense, above=0),
        "softmax_deviation": Field(default["softmax_deviation"], softmax, above=0),
        "batch_norm": Field(default["batch_norm"], norm),
        "stretch": Field(default["stretch"], stretch),
        "dtype": Field("float32", "Type of the activations.", choices=("float32", "bfloat16")),
        "remat": Field(False, "Compute blocks anew in the backward pass, which saves memory."),
        "sync_batch_norm": Field(True, "BatchNorm's statistics are over devices, not of each by itself."),
        "batch_norm_group": Field(0, groups, unit="devices", least=0),
    }


def _init() -> dict:
    weights = "Weights of another library for all branches: .pth, .safetensors, .npz, or package:NAME of one."
    checkpoint = "Which checkpoint of that run; its moving averages are taken."
    return {
        "run": Field("", "Folder of a run to start from; empty: initial weights as in Table 1."),
        "weights": Field("", weights),
        "checkpoint": Field(CHECKPOINTS[0], checkpoint, choices=CHECKPOINTS),
        "parts": Field(("branches", "fusion"), "What is taken of that run.", choices=tuple(PARTS)),
    }
