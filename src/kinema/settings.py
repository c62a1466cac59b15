"""Every number a run can be given, as frozen dataclasses. Nothing here imports torch, so `--help` is instant.

A recipe (see `kinema.recipes`) is a function that returns a `Recipe`; the command line makes one typed flag of each
field (`--clip.frames 32`, `--method.alpha 0.3`) and the resolved recipe is saved with the run. Each default says where
it comes from: a section or table of the paper (Lin, Guo, Lu, "Self-Supervised Video Representation Learning with
Meta-Contrastive Network", ICCV 2021), another code base, or "ours".
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from kinema.errors import UsageError, nearest
from kinema.ranges import at_least, between, positive, within

T = TypeVar("T")


@dataclass(frozen=True)
class Clip:
    """Which frames of a video make one clip, and at what size a network sees them."""

    frames: int = 32
    """Frames in a clip (paper, section 4.1; its Table 4 tries 16, 32, 64)."""
    stride: int = 1
    """Distance between neighbouring frames of a clip, in frames of the video (paper: consecutive frames)."""
    size: int = 128
    """Height and width of the square that the network sees, in pixels (paper, section 4.1)."""
    short_side: int | None = None
    """Shorter side of a frame before cropping, in pixels; at least `size`; `None` means 8/7 of it, as 256 is to 224."""

    def __post_init__(self) -> None:
        at_least("clip.frames", self.frames, 1)
        at_least("clip.stride", self.stride, 1)
        at_least("clip.size", self.size, 1)
        if self.short_side is not None:
            at_least("clip.short-side", self.short_side, self.size)

    @property
    def loaded_side(self) -> int:
        """Shorter side of a frame as the loader delivers it, in pixels."""
        return round(self.size * 8 / 7) if self.short_side is None else self.short_side

    @property
    def span(self) -> int:
        """Frames of the video from a clip's first frame to its last, both counted."""
        return (self.frames - 1) * self.stride + 1


@dataclass(frozen=True)
class Augment:
    """Random changes to a clip; each is drawn once and is the same for all its frames.

    The operations are named in the paper (section 4.1); the numbers are CoCLR's, whose pipeline it follows.
    """

    crop_area: tuple[float, float] = (0.2, 1.0)
    """Range of the crop's area, as a fraction of the frame."""
    crop_aspect: tuple[float, float] = (3 / 4, 4 / 3)
    """Range of the crop's width : height before it is resized to a square."""
    flip: float = 0.5
    """Probability of a horizontal flip."""
    jitter: float = 0.8
    """Probability of colour jitter."""
    brightness: float = 0.4
    """Brightness is multiplied by a factor from [1 - b, 1 + b]."""
    contrast: float = 0.4
    """Contrast about the clip's mean grey is multiplied by a factor from [1 - c, 1 + c]."""
    saturation: float = 0.4
    """Saturation is multiplied by a factor from [1 - s, 1 + s]."""
    hue: float = 0.1
    """Hue is turned by up to this fraction of the colour circle, either way."""
    grey: float = 0.0
    """Probability of greyscale (not named in the paper; CoCLR uses 0.2)."""
    blur: float = 0.5
    """Probability of a Gaussian blur."""
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    """Range of the blur's standard deviation, in pixels of the network's input at 128 px; scaled with the size."""

    def __post_init__(self) -> None:
        for name in ("flip", "jitter", "brightness", "contrast", "saturation", "grey", "blur"):
            within(f"augment.{name}", 0, 1, getattr(self, name))
        within("augment.hue", 0, 0.5, self.hue)
        within("augment.crop-area", 0.01, 1, *self.crop_area)
        within("augment.crop-aspect", 0.1, 10, *self.crop_aspect)
        within("augment.blur-sigma", 0.01, 100, *self.blur_sigma)


@dataclass(frozen=True)
class Backbone:
    """The network that turns a clip into a feature."""

    name: str = "r3d_18"
    """r3d_18, r2plus1d_18, s3d, r3d_vcop or r2plus1d_vcop; `kinema list backbones` describes them."""
    width: float = 1.0
    """Multiplies every channel count; 0.25 is the size for a laptop without a GPU."""

    def __post_init__(self) -> None:
        positive("backbone.width", self.width)


@dataclass(frozen=True)
class Contrast:
    """The memory-bank contrast between two views (Eq. 2-3); silent points follow IIC and CMC."""

    source: Literal["bank", "batch"] = "bank"
    """What an anchor is compared with: rows of a memory bank (IIC, CMC; the paper's Eq. 2), or the other videos of its
    batch, without a bank (ours; to go with `train.batches look_alikes`). The settings below are the bank's, but for the
    temperature."""
    negatives: int = 1024
    """Bank rows an anchor is compared with besides its positive (IIC); at most the number of videos less one."""
    temperature: float = 0.07
    """tau in Eq. 3 (IIC, CMC)."""
    bank_momentum: float = 0.5
    """Share of a bank row that survives when its video is seen again (IIC, CMC)."""
    form: Literal["softmax", "nce"] = "softmax"
    """`softmax` is Eq. 2 as printed; `nce` is CMC's noise-contrastive form with an estimated constant Z."""
    z_momentum: float | None = None
    """Only for `nce`: `None` fixes Z at the first batch (CMC); 0.99 lets it follow the features."""
    positive: Literal["bank", "batch"] = "bank"
    """The positive is the other view's bank row (IIC, CMC), or the other view's feature in this batch."""
    exclude_self: bool = False
    """Never draw the anchor's own video as a negative (IIC and CMC draw from all videos)."""
    directions: Literal["both", "1to2"] = "both"
    """Both views as anchors, summed (IIC, CMC), or only RGB against the residual bank (Eq. 2 read literally)."""

    def __post_init__(self) -> None:
        at_least("method.contrast.negatives", self.negatives, 1)
        positive("method.contrast.temperature", self.temperature)
        within("method.contrast.bank-momentum", 0, 1, self.bank_momentum)
        if self.z_momentum is not None:
            within("method.contrast.z-momentum", 0, 1, self.z_momentum)
        if self.source == "batch" and self.form == "nce":
            raise UsageError(
                "--method.contrast.form nce estimates over a bank, but --method.contrast.source is batch: use softmax"
            )


@dataclass(frozen=True)
class Views:
    """The two views of a clip and how they become vectors in the shared space."""

    second: Literal["residual", "flow"] = "residual"
    """The view beside RGB: residuals (paper, Eq. 1), or vertical optical flow (section 4.4), which --flow brings."""
    last_residual: Literal["repeat", "wrap", "zero", "extra_frame"] = "repeat"
    """The last frame has no successor for Eq. 1: repeat the last difference (ours), wrap to the first frame (IIC),
    zero, or read one frame more."""
    independent_augment: bool = False
    """Augment the clip anew for the second view; otherwise both views share crop, flip and colour (IIC)."""
    normalise: Literal["unit", "imagenet"] = "unit"
    """Pixels in [0, 1] (IIC), or RGB with ImageNet's mean and deviation removed (CoCLR)."""
    projection: Literal["linear", "linear_bn", "mlp", "none"] = "linear"
    """The "fc layer in the feature extraction module" of Fig. 2: one linear layer (CMC), two, or none (IIC).
    `linear_bn` (ours) normalises its output over the batch, so that features differ between videos from the start;
    a fresh network gives all videos nearly one direction, and small runs would end before the contrast undoes it."""
    shared_projection: bool = True
    """One projection for both views, as in Fig. 2, or one for each (CMC, whose encoders are apart altogether)."""
    dim: int = 128
    """Length of a projected feature (CMC)."""
    unit_length: bool = True
    """Divide features by their length, since Eq. 3 is a cosine; IIC does not."""
    statistics: Literal["each", "mixed"] = "each"
    """Batch norm's running statistics, which evaluation uses: each view's own (ours), or one set that the passes of
    both views move in turn (IIC), which fits neither."""
    joint_batch_norm: bool = False
    """Pass both views through the backbone in one call, so that batch norm sees their joint statistics."""

    def __post_init__(self) -> None:
        at_least("method.views.dim", self.dim, 1)


@dataclass(frozen=True)
class CMC:
    """Contrastive multiview coding of RGB and residual clips: MCN's baseline ("CL", Table 5)."""

    name: Literal["cmc"] = "cmc"
    """The method."""
    contrast: Contrast = field(default_factory=Contrast)
    views: Views = field(default_factory=Views)


@dataclass(frozen=True)
class Pairs:
    """The binary classification of view pairs (FCM and Eq. 4). `specs/mcn` in the docs has the reasoning."""

    head: Literal["mlp", "linear", "hadamard", "bilinear"] = "mlp"
    """What scores a pair: two layers (ours), or one linear layer (the paper, literally). The linear head's score is
    a sum of one term a feature, so it cannot tell same-video pairs from others: its loss never falls below 8.9974."""
    grid: Literal["cross_view", "all_unordered", "all_ordered", "balanced"] = "cross_view"
    """Pairs within a group of four videos: 4 x 4 RGB-residual pairs (4 positive), all 28 or 56 of the 8 features,
    or 4 positive and 4 mismatched."""
    symmetric: bool = False
    """Score each cross-view pair in both orders, [RGB; residual] and [residual; RGB]."""
    groups: Literal["all", "one"] = "all"
    """Cut the batch into groups of four, or use only its first four videos ("4 video clips in each batch")."""
    reduction: Literal["sum", "mean"] = "sum"
    """Sum the pairs of a group as Eq. 4 does, or average them; groups are averaged either way."""
    feature: Literal["projected", "backbone"] = "projected"
    """The vector that is paired: the one stored in the bank, or the pooled backbone feature."""
    positive_weight: float = 1.0
    """Weight of positive pairs; 3 balances the 4 : 12 of the cross-view grid."""

    def __post_init__(self) -> None:
        if self.symmetric and self.grid.startswith("all_"):
            raise UsageError(
                f"--method.pairs.symmetric adds the other order of cross-view pairs, of which the grid {self.grid} has "
                "its own: use all_ordered without it"
            )
        positive("method.pairs.positive-weight", self.positive_weight)


@dataclass(frozen=True)
class Meta:
    """The two-stage step: adapt on the support half, learn from the query half (section 3.3)."""

    order: Literal[0, 1, 2] = 1
    """0: no stages, the same loss on plain batches ("CL+BL", Table 5). 1: first-order MAML; the paper's batch sizes
    fit its GPUs only so. 2: exact MAML, differentiating through the inner step (the formula read strictly)."""
    form: Literal["graph", "hvp"] = "graph"
    """How order 2 is had, exactly either way. `graph` differentiates through the inner step, whose graph is kept
    meanwhile; `hvp` frees it and makes it anew for one Hessian-vector product: less memory, more time."""
    inner_lr: float | None = None
    """alpha_1, the inner step's learning rate; `None` follows the outer one ("same as the learning rate")."""
    inner_parameters: Literal["all", "head"] = "all"
    """What the inner step changes: everything, or all but the backbone (ANIL)."""
    inner_weight_decay: float = 0.0
    """Weight decay inside the inner step; the formula has none."""
    support_fraction: float = 0.5
    """Share of the videos in the support set D_s (ours: halves, since both stages read the same number)."""
    resplit: Literal["never", "epoch", "iteration"] = "never"
    """When videos are dealt anew to support and query: once at the start (the paper's "Initialize"), or each epoch or
    step. With `never` and order 1 the support half never has a direct gradient."""
    support_loss_weight: float = 0.0
    """Adds the support loss to the meta objective with this weight (MLDG); the paper has 0."""
    bank_update: Literal["both", "query", "support"] = "both"
    """Whose features refresh the bank. Always written after the meta update, so that no stage sees the other's."""
    negatives: Literal["all", "own_half"] = "all"
    """Draw negatives from the whole bank, or only from the half that the stage reads."""
    batch_norm: Literal["both", "query"] = "both"
    """Which stages move batch norm's running statistics; both use batch statistics."""

    def __post_init__(self) -> None:
        between("method.meta.support-fraction", 0, 1, self.support_fraction)
        if self.inner_lr is not None:
            within("method.meta.inner-lr", 0, 1000, self.inner_lr)
        within("method.meta.inner-weight-decay", 0, 1000, self.inner_weight_decay)
        within("method.meta.support-loss-weight", 0, 1000, self.support_loss_weight)
        if self.order > 0 and self.negatives == "own_half" and self.resplit == "iteration":
            raise UsageError(
                "--method.meta.negatives own_half needs halves that last, but --method.meta.resplit iteration deals "
                "them anew each step: use --method.meta.resplit epoch, or negatives all"
            )


@dataclass(frozen=True)
class MCN:
    """The Meta-Contrastive Network."""

    name: Literal["mcn"] = "mcn"
    """The method."""
    alpha: float = 0.2
    """Eq. 5: alpha * pair classification + (1 - alpha) * contrast (Table 3 sweeps 0.1-0.4)."""
    contrast: Contrast = field(default_factory=Contrast)
    views: Views = field(default_factory=Views)
    pairs: Pairs = field(default_factory=Pairs)
    meta: Meta = field(default_factory=Meta)

    def __post_init__(self) -> None:
        within("method.alpha", 0, 1, self.alpha)
        for name in ("negatives", "bank_update"):
            value, usual = getattr(self.meta, name), Meta.__dataclass_fields__[name].default
            if self.contrast.source == "batch" and value != usual:
                raise UsageError(
                    f"--method.meta.{name.replace('_', '-')} {value} is about the bank, but --method.contrast.source "
                    f"is batch: leave it at {usual}"
                )


@dataclass(frozen=True)
class Optim:
    """How parameters move; the numbers of section 4.1 where it gives one."""

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01
    """Learning rate at its highest (paper)."""
    momentum: float = 0.9
    """SGD's momentum, or AdamW's first beta (IIC; the paper names none)."""
    weight_decay: float = 1e-3
    """Paper, section 4.1."""
    schedule: Literal["multistep", "cosine", "constant"] = "multistep"
    """Not in the paper; `multistep` is IIC's, scaled to the number of epochs."""
    milestones: tuple[float, ...] = (0.1875, 0.375, 0.521, 0.667)
    """For `multistep`: fractions of training at which the rate falls (IIC's 45, 90, 125, 160 of 240)."""
    gamma: float = 0.2
    """For `multistep`: the factor of each fall (IIC)."""
    warmup: float = 0.0
    """Fraction of training over which the rate climbs linearly from nothing."""
    clip_grad: float | None = None
    """Largest allowed gradient norm; `None` never clips (paper)."""

    def __post_init__(self) -> None:
        positive("optim.lr", self.lr)
        within("optim.momentum", 0, 0.9999, self.momentum)
        within("optim.weight-decay", 0, 1000, self.weight_decay)
        within("optim.warmup", 0, 1, self.warmup)
        within("optim.milestones", 0, 1, *self.milestones)
        if self.clip_grad is not None:
            positive("optim.clip-grad", self.clip_grad)


@dataclass(frozen=True)
class Train:
    """How long, how many at once, and what is kept."""

    epochs: int = 500
    """Passes over the videos (paper: about 500). For MCN a pass shows each video once, to one of the two stages."""
    batch_size: int = 28
    """Videos a stage reads at once, over all devices. MCN reads two such batches a step, support and query."""
    batches: Literal["shuffled", "look_alikes"] = "shuffled"
    """Which videos make a batch: any, or those whose frames are nearly the same in colour and layout (ours), so that
    telling them apart takes their motion. MCN's support and query halves are then of two different looks."""
    seed: int = 0
    """Decides every random choice of the run."""
    workers: int | None = None
    """Processes that read video; `None` means one a core, up to 8."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """`auto` is bf16 autocast on a GPU and fp32 on a CPU, where bf16 is refused."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:N`."""
    checkpoint_activations: bool = False
    """Keep only what passes between the backbone's blocks, and run each block once more for its gradient: less memory,
    more time, the same numbers; at every order."""
    probe_every: int = 5
    """Epochs between online kNN and collapse figures; 0 never."""
    keep_every: int = 0
    """Epochs between checkpoints that are kept besides the last; 0 keeps only the last."""

    def __post_init__(self) -> None:
        at_least("train.epochs", self.epochs, 1)
        at_least("train.batch-size", self.batch_size, 2)  # batch norm has nothing to compare one video with
        at_least("train.workers", self.workers or 0, 0)
        at_least("train.probe-every", self.probe_every, 0)
        at_least("train.keep-every", self.keep_every, 0)
        within("train.seed", 0, 2**63 - 1, self.seed)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a pre-training run, except the data it is given."""

    recipe: str = "mcn"
    """The recipe's name, for the record."""
    method: MCN | CMC = field(default_factory=MCN)
    clip: Clip = field(default_factory=Clip)
    augment: Augment = field(default_factory=Augment)
    backbone: Backbone = field(default_factory=Backbone)
    optim: Optim = field(default_factory=Optim)
    train: Train = field(default_factory=Train)


METHOD_SETTINGS: dict[str, type[MCN] | type[CMC]] = {"mcn": MCN, "cmc": CMC}


def from_dict(cls: type[T], values: dict[str, Any], where: str = "") -> T:
    """The dataclass that `dataclasses.asdict` turned into `values`, nested ones included.

    Raises:
        UsageError: a field is unknown; names it and the nearest known one.
    """
    hints = get_type_hints(cls)
    known = [each.name for each in fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UsageError(f"unknown setting '{where}{name}': {nearest(name, known)}")
    return cls(**{name: _from_value(hints[name], name, value, where) for name, value in values.items()})


def _from_value(hint: Any, name: str, value: Any, where: str) -> Any:
    if name == "method" and isinstance(value, dict):
        if value.get("name") not in METHOD_SETTINGS:
            raise UsageError(
                f"unknown method '{value.get('name')}': {nearest(str(value.get('name')), list(METHOD_SETTINGS))}"
            )
        hint = METHOD_SETTINGS[value["name"]]
    if is_dataclass(hint):
        if not isinstance(value, dict):
            raise UsageError(f"setting '{where}{name}' is {value!r}, where settings by name were expected")
        return from_dict(hint, value, f"{where}{name}.")  # type: ignore[arg-type]
    return tuple(value) if isinstance(value, list) else value


def differences(old: dict[str, Any], new: dict[str, Any], where: str = "") -> list[str]:
    """One "name: old -> new" for each setting in which two saved recipes differ."""
    found = []
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{where}{name}.")
        elif before != after:
            found.append(f"{where}{name}: {before} -> {after}")
    return found
