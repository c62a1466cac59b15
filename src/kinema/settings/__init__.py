"""Every number a run can be given, as frozen dataclasses. Nothing here imports torch, so `--help` is instant.

A recipe (see `kinema.recipes`) is a function that returns a `Recipe`; the command line makes one typed flag of each
field (`--clip.frames 32`, `--method.alpha 0.3`) and the resolved recipe is saved with the run. Each default says where
it comes from: a section or table of the paper (Lin, Guo, Lu, "Self-Supervised Video Representation Learning with
Meta-Contrastive Network", ICCV 2021, unless a class names another), another code base, or "ours".
"""

from kinema.settings.coclr import CoCLR
from kinema.settings.contrastive import IIC, DualVar, SimCLR
from kinema.settings.converted import Converted
from kinema.settings.dense import DPC, MemDPC
from kinema.settings.inputs import Augment, Clip
from kinema.settings.mars import Mars
from kinema.settings.meta_contrast import MCN, Meta, MetaContrast, Pairs
from kinema.settings.method import MethodSettings, Pixels
from kinema.settings.momentum import BYOL, MoCo, RSPNet, SwAV
from kinema.settings.order import OPN, PCL, VCOP, VCP, ClipOrder, ClipRow, Cloze, Order
from kinema.settings.pace import Pace, SpeedNet
from kinema.settings.prp import PRP
from kinema.settings.recipe import METHOD_SETTINGS, AnyMethod, Recipe, differences, from_dict, method_title
from kinema.settings.spatial import Jigsaw, RotNet, STPuzzle
from kinema.settings.tclr import TCLR
from kinema.settings.training import Backbone, Optim, Train
from kinema.settings.two_views import CMC, Contrast, TwoViews, Views

__all__ = [
    "BYOL",
    "CMC",
    "DPC",
    "IIC",
    "MCN",
    "METHOD_SETTINGS",
    "OPN",
    "PCL",
    "PRP",
    "TCLR",
    "VCOP",
    "VCP",
    "AnyMethod",
    "Augment",
    "Backbone",
    "Clip",
    "ClipOrder",
    "ClipRow",
    "Cloze",
    "CoCLR",
    "Contrast",
    "Converted",
    "DualVar",
    "Jigsaw",
    "Mars",
    "MemDPC",
    "Meta",
    "MetaContrast",
    "MethodSettings",
    "MoCo",
    "Optim",
    "Order",
    "Pace",
    "Pairs",
    "Pixels",
    "RSPNet",
    "Recipe",
    "RotNet",
    "STPuzzle",
    "SimCLR",
    "SpeedNet",
    "SwAV",
    "Train",
    "TwoViews",
    "Views",
    "differences",
    "from_dict",
    "method_title",
]
