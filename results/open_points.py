"""What MCN's paper leaves open, what kinema does, and the flags that take the other side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """One point that the paper leaves open."""

    where: str
    """Section of the paper, or the verb that the flags are given to."""
    question: str
    ours: str
    """What kinema does, with the grade of its evidence."""
    others: dict[str, str]
    """Name of a run: the flags that take the other side."""


TRAINING = (
    Choice("3.1, Eq. 1", "the last frame has no successor", "its difference is repeated (ours)", {
        "wrap": "--method.views.last-residual wrap",
        "zero": "--method.views.last-residual zero",
        "extra_frame": "--method.views.last-residual extra_frame",
    }),
    Choice("3.1", "residuals are of the augmented clip, or of one augmented anew", "of the same (inferred)", {
        "independent_augment": "--method.views.independent-augment",
    }),
    Choice("4.1", "pixels", "in [0, 1] (inferred)", {"imagenet": "--method.views.normalise imagenet"}),
    Choice("4.1", "greyscale is not among the augmentations", "none (paper)", {"grey": "--augment.grey 0.2"}),
    Choice("Fig. 2", "the fc layer before the contrast", "linear, 128 wide; tiny recipes add batch norm (ours)", {
        "projection_linear": "--method.views.projection linear",
        "projection_mlp": "--method.views.projection mlp",
        "projection_none": "--method.views.projection none",
        "projection_apart": "--method.views.no-shared-projection",
    }),
    Choice("Eq. 3", "features have unit length", "yes (paper: a cosine)", {
        "any_length": "--method.views.no-unit-length",
    }),
    Choice("-", "batch norm's running statistics", "each view has its own (ours)", {
        "mixed_statistics": "--method.views.statistics mixed",
        "joint_batch_norm": "--method.views.joint-batch-norm",
    }),
    Choice("Eq. 2", "one direction is printed", "both are summed (inferred)", {
        "one_direction": "--method.contrast.directions 1to2",
    }),
    Choice("3.1", "\"NCE\" in the text, softmax in Eq. 2", "softmax (paper)", {"nce": "--method.contrast.form nce"}),
    Choice("3.1", "the positive", "the other view's row in the bank (inferred)", {
        "positive_batch": "--method.contrast.positive batch",
    }),
    Choice("3.1", "negatives may hit the video itself", "they may (inferred)", {
        "exclude_self": "--method.contrast.exclude-self",
    }),
    Choice("3.1", "share of a bank row that survives", "0.5 (inferred)", {
        "bank_momentum_0": "--method.contrast.bank-momentum 0",
        "bank_momentum_9": "--method.contrast.bank-momentum 0.9",
    }),
    Choice("3.1", "temperature", "0.07 (inferred)", {"tau_2": "--method.contrast.temperature 0.2"}),
    Choice("3.1", "negatives of an anchor", "1024 (inferred: IIC; CMC has 4096 and more); `tiny_mcn` 512", {
        "negatives_64": "--method.contrast.negatives 64",
        "negatives_4096": "--method.contrast.negatives 4096",
    }),
    Choice("3.1", "length of the projected feature", "128 (ours, after CMC)", {
        "dim_32": "--method.views.dim 32",
        "dim_512": "--method.views.dim 512",
    }),
    Choice("3.2", "the pair classifier", "two layers (ours, see above)", {
        "head_linear": "--method.pairs.head linear",
        "head_hadamard": "--method.pairs.head hadamard",
        "head_bilinear": "--method.pairs.head bilinear",
    }),
    Choice("3.2", "which pairs of the eight features", "16 of RGB with residual (inferred)", {
        "grid_all": "--method.pairs.grid all_unordered",
        "grid_balanced": "--method.pairs.grid balanced",
        "symmetric": "--method.pairs.symmetric",
    }),
    Choice("3.2", "\"4 video clips in each batch\"", "all groups of four (ours)", {
        "one_group": "--method.pairs.groups one",
    }),
    Choice("Eq. 4", "a sum over pairs", "summed within a group, averaged over groups (paper)", {
        "pairs_mean": "--method.pairs.reduction mean",
    }),
    Choice("3.2", "the feature that is paired", "the projected one (ours)", {
        "pairs_backbone": "--method.pairs.feature backbone",
    }),
    Choice("3.2", "one positive for three negatives", "unweighted (paper)", {
        "positive_weight": "--method.pairs.positive-weight 3",
    }),
    Choice("3.3", "order of the meta gradient", "first (inferred from the batch sizes)", {
        "one_stage": "--method.meta.order 0 --train.batch-size 16",
        "order2": "--method.meta.order 2",
    }),
    Choice("3.3", "the inner rate alpha_1", "the outer one (paper); it follows the schedule (ours)", {
        "inner_lr_small": "--method.meta.inner-lr 0.0001",
        "inner_lr_large": "--method.meta.inner-lr 0.01",
    }),
    Choice("3.3", "what the inner step changes", "everything (paper)", {
        "inner_head": "--method.meta.inner-parameters head",
    }),
    Choice("3.3", "when videos are dealt to D_s and D_q", "in each step (ours); `mcn` itself: once (paper)", {
        "split_once": "--method.meta.resplit never",
        "split_epoch": "--method.meta.resplit epoch",
    }),
    Choice("3.3", "the support loss in the meta objective", "left out (paper)", {
        "support_loss": "--method.meta.support-loss-weight 1",
    }),
    Choice("3.3", "which stage refreshes the bank", "both (ours)", {
        "bank_query": "--method.meta.bank-update query",
        "bank_support": "--method.meta.bank-update support",
    }),
    Choice("3.3", "where a stage's negatives come from", "the whole bank (ours)", {
        "own_half": "--method.meta.negatives own_half --method.meta.resplit epoch",
    }),
    Choice("3.3", "which stage moves batch norm's statistics", "both (ours)", {
        "statistics_query": "--method.meta.batch-norm query",
    }),
    Choice("3.3, Initialize", "\"a pre-trained model\"", "random weights (ours)", {
        "from_cmc": "--init-from runs/claim/shapes/cmc_0",
    }),
    Choice("3.3", "share of the videos that D_s gets", "half (ours)", {
        "support_third": "--method.meta.resplit epoch --method.meta.support-fraction 0.3 --train.epochs 34",
    }),
    Choice("3.3", "weight decay in the inner step", "none (paper: the formula has none)", {
        "inner_decay": "--method.meta.inner-weight-decay 1",
    }),
    Choice("4.1", "what an epoch is", "every video once, in one of the two stages (ours)", {
        "epochs_twice": "--train.epochs 40",
    }),
    Choice("4.1", "momentum", "0.9 (inferred), the formula has none; `tiny_mcn` has AdamW", {
        "sgd": "--optim.name sgd --optim.lr 0.03",
        "sgd_plain": "--optim.name sgd --optim.lr 0.03 --optim.momentum 0",
    }),
    Choice("4.1", "how the learning rate falls", "in four steps (inferred: IIC's); `tiny_mcn` by a cosine", {
        "multistep": "--optim.schedule multistep",
        "constant": "--optim.schedule constant",
    }),
    Choice("4.1", "which R3D-18 and R(2+1)D", "18 layers (inferred: batch sizes); `tiny_mcn` one block a stage", {
        "r3d_18": "--backbone.name r3d_18",
    }),
    Choice("4.1", "how strong crop, jitter and blur are", "CoCLR's numbers (inferred); `tiny_mcn` milder, no blur", {
        "crop_small": "--augment.crop-area 0.2 1",
        "jitter_strong": "--augment.brightness 0.5 --augment.contrast 0.5 --augment.saturation 0.5 --augment.hue 0.25",
        "blur": "--augment.blur 0.5",
    }),
    Choice("4.4", "retrieval by RGB and flow: of which network", "one trained on both, A (inferred: IIC)", {
        "flow_a": "--flow runs/claim/shapes_flow",
    }),
)  # fmt: skip
"""Of the training: the flags are given to `kinema pretrain tiny_mcn`."""
EVALUATION = (
    Choice("retrieve", "clips of a video", "10 (VCOP, IIC); 4 here", {
        "retrieve_clips_1": "--evaluation.clips 1",
        "retrieve_clips_10": "--evaluation.clips 10",
    }),
    Choice("retrieve", "distance", "cosine (VCOP, IIC), not centred", {
        "retrieve_l2": "--evaluation.metric l2",
        "retrieve_center": "--evaluation.center",
    }),
    Choice("retrieve", "RGB and flow of a network of RGB and residuals (B)", "A, above", {
        "retrieve_flow_b": "--view rgb+flow --flow runs/claim/shapes_flow",
    }),
    Choice("linear", "the probe's settings", "CoCLR's, chosen on a part of train (inferred)", {
        "linear_no_normalise": "--linear.no-normalise",
        "linear_no_batch_norm": "--linear.no-batch-norm",
        "linear_first_lr": "--linear.lrs 0.1 --linear.weight-decays 0.001",
    }),
    Choice("finetune", "weight decay", "0.0005 (inferred: IIC, VCOP)", {
        "finetune_no_decay": "--finetune.weight-decay 0",
    }),
    Choice("finetune", "how the learning rate falls", "to a tenth at 0.6 and 0.8 of the epochs (CoCLR's shape)", {
        "finetune_constant": "--finetune.milestones",
    }),
    Choice("finetune", "dropout", "0.5 (ours)", {
        "finetune_no_dropout": "--finetune.dropout 0",
    }),
)  # fmt: skip
"""Of what is done with a trained network, which is `tiny_mcn` here."""
