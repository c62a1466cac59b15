"""The repositories whose published checkpoints can be converted: what their files hold, and how they show a clip.

Nothing here imports torch, so that a mistyped family is refused at once.
"""

from __future__ import annotations

from kinema.conversion.family import Family, Layout
from kinema.conversion.names import numbered, prp_c3d, s3d_of_coclr
from kinema.errors import UsageError, nearest
from kinema.settings import Clip

VCOP_NETS = (Layout("r3d_vcop"), Layout("r2plus1d_vcop"), Layout("c3d"))
NUMBERED_NETS = (Layout("r3d_18", numbered), Layout("r2plus1d_18", numbered))
HEADS = {"fc*": "head", "linear.*": "classifier", "projector.*": "projection head"}
MOCO = {"encoder_k.*": "momentum copy", "queue*": "queue", "series_queue": "queue"}
COCLR_HEADS = {
    "encoder_q.[24].*": "projection head",
    "final_bn.*": "batch norm before the classifier",
    "final_fc.*": "classifier",
}
DPC_PARTS = {
    "agg*": "GRU over blocks, which kinema's evaluation does not have",
    "convrnn.*": "GRU over blocks, which kinema's evaluation does not have",
    "network_pred.*": "predictor",
    "mb": "memory slots",
    "final_bn.*": "batch norm before the classifier",
    "final_fc.*": "classifier",
}
AUDIO_VIDEO = {
    "audio_network.*": "audio network",
    "text_network.*": "text network",
    "mlp_*": "projection head",
    "video_pooling.*": "pooling by a transformer, which kinema's evaluation does not have",
}
BLOCKS = Clip(frames=5, stride=3, size=128)
"""One block of DPC and MemDPC."""

FAMILIES = {
    "coclr": Family(
        "TengdaHan/CoCLR",
        "CoCLR, InfoNCE and UberNCE: S3D, S3D-G",
        (Layout("s3d_coclr", s3d_of_coclr), Layout("s3dg", s3d_of_coclr)),
        ("encoder_q.0.", "backbone."),
        ("state_dict",),
        MOCO | COCLR_HEADS | {"sampler.*": "frozen network of the other stream"},
        Clip(frames=32, stride=1, size=128),
        "imagenet",
        lacking={"encoder_q.0.layer1.*": "CoCLR's R2D3D-50", "backbone.layer1.*": "CoCLR's R2D3D-50"},
    ),
    "dpc": Family(
        "TengdaHan/DPC",
        "Dense Predictive Coding: R2D3D-18 and -34",
        (Layout("r2d3d_18"), Layout("r2d3d_34")),
        ("backbone.", "resnet."),
        ("state_dict",),
        DPC_PARTS,
        BLOCKS,
        "imagenet",
        lacking={"backbone.layer1.0.conv3.weight": "R2D3D-50", "resnet.layer1.0.conv3.weight": "R2D3D-50"},
    ),
    "dualvar": Family(
        "lzhangbj/DualVar",
        "DualVar on SimCLR and on MoCo: R(2+1)D, R3D, C3D, S3D, S3D-G",
        (*VCOP_NETS, Layout("s3d_coclr", s3d_of_coclr), Layout("s3dg", s3d_of_coclr)),
        ("encoder_q.0.", "backbone."),
        ("state_dict",),
        MOCO | COCLR_HEADS | {"series_proj_head*": "series head", "pretrain_fc.*": "head"},
        Clip(frames=16, stride=4, size=112),
        "imagenet",
        lacking={"encoder_q.0.layer1.*": "DualVar's R2D3D-18 or -50", "backbone.layer1.*": "DualVar's R2D3D-18 or -50"},
    ),
    "gdt": Family(
        "facebookresearch/GDT",
        "Generalized Data Transformations, and STiCA: R(2+1)D-18",
        (Layout("r2plus1d_18"),),
        ("video_network.base.",),
        ("state_dict", "model"),
        AUDIO_VIDEO,
        Clip(frames=32, stride=1, size=128),
        "slowfast",
        lacking={"video_network.base.layer1.2.*": "GDT's R(2+1)D-34"},
    ),
    "iic": Family(
        "BestJuly/IIC",
        "Inter-Intra Contrastive and IICv2: R3D, R(2+1)D, C3D, R3D-18, S3D",
        (*VCOP_NETS, *NUMBERED_NETS, Layout("r3d_18"), Layout("s3d_coclr", s3d_of_coclr)),
        ("base_network.", ""),
        ("model", "state_dict", ""),
        HEADS,
    ),
    "memdpc": Family(
        "TengdaHan/MemDPC",
        "Memory-augmented DPC: R2D3D-18 and -34",
        (Layout("r2d3d_18"), Layout("r2d3d_34")),
        ("backbone.",),
        ("state_dict",),
        DPC_PARTS,
        BLOCKS,
        "imagenet",
        lacking={"backbone.layer1.0.conv3.weight": "R2D3D-50"},
    ),
    "pace": Family(
        "laura-wang/video-pace",
        "Pace Prediction: R(2+1)D, R3D, C3D",
        VCOP_NETS,
        ("",),
        ("state_dict",),
        {"linear.*": "pace classifier"},
        bgr=True,
        scale=255.0,
        lacking={"mixed_3b.*": "the S3D-G of Pace Prediction"},
    ),
    "pcl": Family(
        "BestJuly/Pretext-Contrastive-Learning",
        "Pretext-Contrastive Learning: R3D, C3D, R3D-18, R(2+1)D-18",
        (*VCOP_NETS, *NUMBERED_NETS),
        ("base_network.", ""),
        ("",),
        HEADS,
        normalise="imagenet",
    ),
    "prp": Family(
        "yuanyao366/PRP",
        "Playback Rate Perception: C3D, R3D, R(2+1)D",
        (Layout("r3d_vcop"), Layout("r2plus1d_vcop"), Layout("c3d", prp_c3d)),
        ("base_network.", ""),
        ("",),
        {
            "up[1-4]*": "decoder",
            "outc.*": "decoder",
            "conv6_*": "head",
            "fc8*": "rate classifier",
            "base_network_cyc.*": "copy of the backbone",
            "linear.*": "classifier",
        },
    ),
    "rspnet": Family(
        "PeihaoChen/RSPNet",
        "Relative Speed Perception: C3D, R(2+1)D; SEVERE's R(2+1)D-18",
        (Layout("c3d"), Layout("r2plus1d_vcop"), *NUMBERED_NETS),
        ("encoder_q.encoder.base_network.", "encoder_q.encoder.", "encoder.base_network.", "encoder.", ""),
        ("model", ""),
        MOCO
        | {
            "encoder_q.fc[12].*": "projection head",
            "encoder_q.encoder.fc.*": "classifier that is not used",
            "encoder_q.encoder.linear.*": "classifier that is not used",
            "encoder.linear.*": "classifier that is not used",
            "fc.*": "classifier",
            "linear.*": "classifier",
        },
        normalise="imagenet",
        lacking={
            "*layer1.0.bn1.weight": "RSPNet's ResNet-18 with 7x7x7 stem and pooling",
            "*feature.sepConv1.*": "RSPNet's S3D-G",
        },
    ),
    "selavi": Family(
        "facebookresearch/selavi",
        "Self-labelling of videos by sight and sound (SeLaVi): R(2+1)D-18",
        (Layout("r2plus1d_18"),),
        ("video_network.base.",),
        ("model",),
        AUDIO_VIDEO,
        Clip(frames=32, stride=1, size=112),
        "slowfast",
    ),
    "tclr": Family(
        "DAVEISHAN/TCLR",
        "Temporal Contrastive Learning: R3D-18 with dilation",
        (Layout("r3d_18_tclr"),),
        ("0.", ""),
        ("state_dict", "bb_state_dict"),
        {"1.*": "projection head", "fc.*": "classifier"},
        Clip(frames=16, stride=2, size=112),
        bgr=True,
        lacking={
            "*conv1.temporal_spatial_conv.weight": "TCLR's R3D of one block",
            "*stem.3.weight": "TCLR's R(2+1)D-18, whose code its repository does not have",
        },
    ),
    "torchvision": Family(
        "pytorch/vision",
        "trained with labels: R3D-18, R(2+1)D-18, S3D",
        (Layout("r3d_18"), Layout("r2plus1d_18"), Layout("s3d", clip=Clip(frames=128, stride=2, size=224))),
        ("",),
        ("",),
        {"fc.*": "classifier", "classifier.*": "classifier"},
        Clip(frames=16, stride=2, size=112),
        "kinetics",
        lacking={"blocks.*": "torchvision's MViT", "features.1.0.norm1.weight": "torchvision's Video Swin"},
    ),
    "vcop": Family(
        "xudejing/video-clip-order-prediction",
        "Video Clip Order Prediction: C3D, R3D, R(2+1)D",
        VCOP_NETS,
        ("base_network.", ""),
        ("",),
        {"fc[78].*": "order head", "linear.*": "classifier"},
    ),
    "videomoco": Family(
        "tinapan-pt/VideoMoCo",
        "VideoMoCo and MoCo on video: R(2+1)D-18, R3D-18",
        (Layout("r2plus1d_18"), Layout("r3d_18")),
        ("encoder_q.",),
        ("state_dict",),
        MOCO | {"encoder_q.fc.*": "projection head"},
        Clip(frames=32, stride=1, size=112),
        "imagenet",
    ),
}
"""By the name that `kinema convert --from` takes."""

ABSENT = {
    "slowfast": "Slow-only ResNet-50",
    "cvrl": "R3D-50",
    "videomae": "vision transformer",
    "vjepa": "vision transformer",
    "avid": "R(2+1)D with a full stem",
    "ctp": "R3D-18 with another batch-norm eps",
}
"""Families whose networks kinema does not have."""


def find(name: str) -> Family:
    """A family by its name.

    Raises:
        UsageError: there is none, or its network is not here.
    """
    if name in ABSENT:
        raise UsageError(
            f"--from {name}: kinema does not have its backbone, {ABSENT[name]}; known: {', '.join(FAMILIES)}"
        )
    if name not in FAMILIES:
        raise UsageError(f"unknown family --from {name}: {nearest(name, list(FAMILIES))}")
    return FAMILIES[name]


def lines() -> list[tuple[str, str]]:
    """Each family and what of it can be converted."""
    return [(name, family.method) for name, family in FAMILIES.items()]
