"""Every field of a run, with its default. Experiments start from `get_config` and change what they need.

Two presets: `safe` (the default) and `paper`. They differ only where the paper is silent or, taken literally,
does not
hold: link, normalisation, reduction, the guard of the dynamic weights, warm-up of the moving average. Choose
with `--config=NAME:paper`. Durations are texts: '500 epochs', '100 steps', '10%' (of the run).
"""

from inspect import signature

from ml_collections import ConfigDict

from dmljax import plugins
from dmljax.training.augment import Options as AugmentOptions
from dmljax.training.objective import Options as LossOptions
from dmljax.types import TASKS, UserError
from dmljax.weightings import wrap

PRESETS = ("safe", "paper")


def _family(family: str, name: str, **fields) -> dict:
    """A section: the chosen plug-in of a family, the section's own fields, and the fields of all plug-ins.

    Raises:
      UserError: a plug-in has the name of a field.
    """
    section = {"name": name} | fields
    for other in plugins.names(family):
        if other in section:
            raise UserError(
                f"'{other}' cannot be the name of one of the {family}: it is a field of that section of the"
                f" configuration; rename the file {plugins.load(family, other).__file__}"
            )
        section[other] = plugins.defaults(family, other)
        if family == "weightings" and plugins.a_field_a_task(plugins.load(family, other)):
            section[other] |= dict.fromkeys(TASKS, 1.0)
    return section


def get_config(preset: str = "safe") -> ConfigDict:
    """The base configuration: DML-Net at 224 pixels as in Table 1 of the paper, on the embedded default
    set.
    """
    if preset not in PRESETS:
        raise UserError(
            f"unknown preset '{preset}'; there are {', '.join(PRESETS)}.{plugins.nearest(preset, PRESETS)}"
        )
    losses = LossOptions()
    config = ConfigDict()
    config.seed = 0
    config.preset = preset
    config.plugins = plugins.folders()  # where plug-ins of one's own lie: --plugins=FOLDER

    config.dataset = _family(
        "datasets",
        "synthetic",
        root="",
        # CSV of reference, pose, identity that adds to or corrects the set's labels
        labels="",
        # several sets joined, 'kdef:FOLDER,rafd:FOLDER'; empty: dataset.name in dataset.root
        train="",
        # another set to test on, 'sfew:FOLDER'; labels meet by name; empty: people of the same set
        test="",
    )
    config.dataset.synthetic.update(identities=100, size=224)

    config.crop = ConfigDict()
    # set (its own window) | none | views | boxes (from a table) | haar | dlib | mtcnn
    config.crop.rule = "set"
    config.crop.table = ""  # CSV of views or boxes: see dmljax/data/crop.py
    config.crop.margin = 0.2  # around a table's or detector's box, as a share of its longer side
    config.crop.side = 480  # pixels of the longer side of what a detector searches: more finds smaller faces
    config.crop.missed = "skip"  # images without a face: skip (and list) | whole

    config.split = ConfigDict()
    # folds | fraction | given (the set's own) | paper (as many people as the paper tested) | list
    config.split.kind = "folds"
    # for kind=list: split.json of another run, or a text file with the name of a test person a line
    config.split.file = ""
    # people are chosen so that expressions and poses are alike on all sides, as far as people allow
    config.split.stratify = True
    config.split.folds = 5
    config.split.fold = 0  # which fold tests; -1: all folds, one run each
    config.split.test = 0.2  # share of the identities, for kind=fraction
    config.split.validation = 0.0  # share of the training identities that choose the best checkpoint

    config.data = ConfigDict()
    config.data.image_size = 224
    config.data.tuples_per_step = 3  # five-tuples in a mini-batch: 15 images
    config.data.accumulate = 1  # mini-batches per optimizer step; mining sees one at a time
    config.data.leftovers = False  # also train on samples that are in no five-tuple
    config.data.feed = "resident"  # resident | tfdata
    config.data.memory = "device"  # where the resident set lies: device | host

    config.augment = AugmentOptions()._asdict()

    config.model = ConfigDict()
    config.model.branches = ("face", "eyes", "mouth")
    config.model.pose_head = True
    config.model.fused = 512
    config.model.embedding = 128
    config.model.hidden = 128
    config.model.deviation = 0.04  # initial deviation of fully connected layers (Table 1)
    config.model.softmax_deviation = 1 / 512  # and of softmax layers
    # BatchNorm in fusion and embedding too; keeps small networks from collapsing
    config.model.batch_norm = False
    config.model.stretch = False  # eyes and mouth resized to the size of the face
    config.model.dtype = "float32"  # of the activations: float32 | bfloat16
    config.model.remat = False  # recompute blocks in the backward pass to save memory
    config.model.sync_batch_norm = True  # statistics over the whole global batch
    config.backbone = _family("backbones", "resnet")

    config.init = ConfigDict()
    config.init.run = ""  # folder of a run to start from: pre-train there, fine-tune here
    config.init.checkpoint = "last"  # last | best; its moving averages are taken
    config.init.parts = ("branches", "fusion")  # of branches, fusion, embedding, expression_head, pose_head

    config.losses = ConfigDict()
    config.losses.triplets = losses.triplets  # 'pose', 'identity', both or none
    config.losses.margin_pose = 0.2  # the paper gives no margins
    config.losses.margin_identity = 0.2
    config.losses.link = losses.link  # hinge | softplus | none (the printed equations)
    config.losses.normalise = losses.normalise  # mine on embeddings of unit length
    config.losses.anchors = losses.anchors  # tuple | all
    config.losses.reduction = losses.reduction  # mean over valid anchors times reference_anchors | sum
    config.losses.reference_anchors = losses.reference_anchors
    # metric losses beside the triplets or in their place: contrastive, island, tuplet
    config.losses.others = losses.others
    config.losses.contrastive = {"margin": 1.0}  # between embeddings of unit length the largest distance is 2
    config.losses.island = {"between": 0.3}  # weight of the centres' repulsion
    config.losses.tuplet = {"threshold": 1.0, "margin": 0.5}  # squared distances from a cluster's centre
    config.losses.scope = losses.scope  # hardest examples from: global | device
    # the fixed combination that stops a run
    config.losses.total = {"expression": 1.0, "pose": 1.0, "triplet": 1.0}

    config.weighting = _family(
        "weightings",
        "dwa",
        # where strategies that ask for it get inner products of gradients: shared (trunk) | rep (f2, cheap)
        gram="shared",
        # what reaches the heads: weighted | unit, every loss in full
        heads="weighted",
        # changes to any strategy: see dmljax/weightings/wrapping.py
        wrap={name: p.default for name, p in signature(wrap).parameters.items() if p.default is not p.empty},
    )
    config.weighting.single.task = TASKS[0]

    config.optimizer = ConfigDict()
    config.optimizer.learning_rate = 0.01
    config.optimizer.decay = 0.8
    config.optimizer.decay_every = "20 epochs"  # the paper gives no period
    config.optimizer.warmup = "0 steps"
    config.optimizer.b1 = 0.9
    config.optimizer.b2 = 0.999
    config.optimizer.epsilon = 1e-8
    config.optimizer.clip = 0.0  # largest global norm of the gradients; 0: none
    config.optimizer.weight_decay = 0.0

    config.ema = {"decay": 0.9999, "warmup": True}

    config.phases = ConfigDict()
    # pose branch frozen, expression and metric learning in turns; '0 steps': no such phase
    config.phases.first = "10%"
    config.phases.turn = "1 steps"
    # a lead for the heads: mining collapses an embedding not yet formed
    config.phases.triplet_after = "0 steps"

    config.train = ConfigDict()
    config.train.duration = "500 epochs"
    config.train.log_every = "10 steps"
    config.train.save_every = "1 epochs"
    # log norms and cosines of the tasks' gradients on the trunk; 0: never
    config.train.conflicts_every = "0 steps"
    # stop after this many epochs in which the fixed combination did not fall; 0: never
    config.train.patience = 0
    config.train.least_fall = 1e-4  # relative; what counts as falling

    if preset == "paper":
        config.losses.link = "none"
        config.losses.normalise = False
        config.losses.reduction = "sum"
        config.weighting.dwa.literal = True
        config.ema.warmup = False
    return config.lock()
