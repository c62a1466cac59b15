"""Names and shapes of the tensors in other repositories' checkpoints, written out from their code's structure.

Each function returns {name: shape}; a shape of () is a count of batches, which is a whole number.
`hollow` and `random_state` make tensors of them.
"""

import math

import torch


def hollow(shapes):
    """Zeros that take no memory, for tests of names and shapes."""
    return {
        name: torch.zeros((), dtype=torch.float32 if shape else torch.long).expand(shape)
        for name, shape in shapes.items()
    }


def random_state(shapes, seed=0):
    """Weights under which a network's features neither vanish nor explode."""
    rng = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        if not shape:
            state[name] = torch.tensor(7)
        elif name.endswith(("running_mean", "bias")):
            state[name] = 0.1 * torch.randn(shape, generator=rng)
        elif len(shape) == 1:  # batch norm's weights and variances
            state[name] = 0.5 + torch.rand(shape, generator=rng)
        else:
            fan_in = math.prod(shape[1:])
            state[name] = torch.randn(shape, generator=rng) * math.sqrt(2 / fan_in)
    return state


def conv(name, outputs, inputs, *kernel, bias=False):
    return {f"{name}.weight": (outputs, inputs, *kernel)} | ({f"{name}.bias": (outputs,)} if bias else {})


def linear(name, outputs, inputs, bias=True):
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def bn(name, size, *, running=True, counter=True):
    found = {f"{name}.weight": (size,), f"{name}.bias": (size,)}
    if running:
        found |= {f"{name}.running_mean": (size,), f"{name}.running_var": (size,)}
    return found | ({f"{name}.num_batches_tracked": ()} if running and counter else {})


def under(prefix, tensors):
    return {prefix + name: shape for name, shape in tensors.items()}


# ---- xudejing/video-clip-order-prediction, models/{r3d,r21d,c3d}.py; IIC, PCL, PRP, Pace and DualVar share them ----


def vcop_conv(name, inputs, outputs, kernel, split):
    if not split:
        return conv(f"{name}.temporal_spatial_conv", outputs, inputs, *kernel)
    t, h, w = kernel
    between = (t * h * w * inputs * outputs) // (h * w * inputs + t * outputs)
    return (
        conv(f"{name}.spatial_conv", between, inputs, 1, h, w)
        | bn(f"{name}.bn", between)
        | conv(f"{name}.temporal_conv", outputs, between, t, 1, 1)
    )


def vcop(split=False, blocks=1):
    found = vcop_conv("conv1", 3, 64, (3, 7, 7), split) | bn("bn1", 64)
    inputs = 64
    for stage, outputs in ((2, 64), (3, 128), (4, 256), (5, 512)):
        names = [f"conv{stage}.block1"] + [f"conv{stage}.blocks.{i}" for i in range(blocks - 1)]
        for name in names:
            if stage > 2 and name.endswith("block1"):
                found |= vcop_conv(f"{name}.downsampleconv", inputs, outputs, (1, 1, 1), split)
                found |= bn(f"{name}.downsamplebn", outputs)
            found |= vcop_conv(f"{name}.conv1", inputs, outputs, (3, 3, 3), split) | bn(f"{name}.bn1", outputs)
            found |= vcop_conv(f"{name}.conv2", outputs, outputs, (3, 3, 3), split) | bn(f"{name}.bn2", outputs)
            inputs = outputs
    return found


C3D = (("1", 3, 64), ("2", 64, 128), ("3a", 128, 256), ("3b", 256, 256))
C3D += (("4a", 256, 512), ("4b", 512, 512), ("5a", 512, 512), ("5b", 512, 512))


def c3d():
    found = {}
    for name, inputs, outputs in C3D:
        found |= conv(f"conv{name}", outputs, inputs, 3, 3, 3, bias=True) | bn(f"bn{name}", outputs)
    return found


def c3d_of_prp():
    """yuanyao366/PRP, models/c3d.py and net_part.py."""
    found = {}
    for name, inputs, outputs in C3D:
        module = "conv" + name.replace("a", "_1").replace("b", "_2")
        found |= conv(f"{module}.conv3d.0", outputs, inputs, 3, 3, 3, bias=True) | bn(f"{module}.conv3d.1", outputs)
    return found


# ---- torchvision, models/video/resnet.py ----


def torchvision_resnet(split=False, stem="stem", layer="layer{}"):
    def conv3(name, inputs, outputs, between):
        if not split:
            return conv(name, outputs, inputs, 3, 3, 3)
        first = conv(f"{name}.0", between, inputs, 1, 3, 3) | bn(f"{name}.1", between)
        return first | conv(f"{name}.3", outputs, between, 3, 1, 1)

    if split:
        found = conv(f"{stem}.0", 45, 3, 1, 7, 7) | bn(f"{stem}.1", 45) | conv(f"{stem}.3", 64, 45, 3, 1, 1)
        found |= bn(f"{stem}.4", 64)
    else:
        found = conv(f"{stem}.0", 64, 3, 3, 7, 7) | bn(f"{stem}.1", 64)
    inputs = 64
    for number, outputs in enumerate((64, 128, 256, 512), 1):
        for block in (0, 1):
            name = f"{layer.format(number)}.{block}"
            between = 27 * inputs * outputs // (9 * inputs + 3 * outputs)
            found |= conv3(f"{name}.conv1.0", inputs, outputs, between) | bn(f"{name}.conv1.1", outputs)
            found |= conv3(f"{name}.conv2.0", outputs, outputs, between) | bn(f"{name}.conv2.1", outputs)
            if inputs != outputs:
                found |= conv(f"{name}.downsample.0", outputs, inputs, 1, 1, 1) | bn(f"{name}.downsample.1", outputs)
            inputs = outputs
    return found


def children_of_resnet(split=False):
    """The same as nn.Sequential(*list(model.children())[:-1]): PCL, IICv2, SEVERE's RSPNet."""
    return torchvision_resnet(split, stem="0", layer="{}")


# ---- TengdaHan/CoCLR, backbone/s3dg.py; DualVar and IICv2 share it ----

MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


def basic(name, inputs, outputs):
    return conv(f"{name}.conv", outputs, inputs, 1, 1, 1) | bn(f"{name}.bn", outputs)


def separable(name, inputs, outputs, kernel):
    first = conv(f"{name}.conv1", outputs, inputs, 1, kernel, kernel)
    second = conv(f"{name}.conv2", outputs, outputs, kernel, 1, 1)
    return first | second | bn(f"{name}.bn1", outputs) | bn(f"{name}.bn2", outputs)


def mixed(name, sizes, gating):
    inputs, point, middle, middle_out, small, small_out, pooled = sizes
    found = basic(f"{name}.branch0.0", inputs, point)
    found |= basic(f"{name}.branch1.0", inputs, middle) | separable(f"{name}.branch1.1", middle, middle_out, 3)
    found |= basic(f"{name}.branch2.0", inputs, small) | separable(f"{name}.branch2.1", small, small_out, 3)
    found |= basic(f"{name}.branch3.1", inputs, pooled)
    if gating:
        for number, size in enumerate((point, middle_out, small_out, pooled)):
            found |= linear(f"{name}.gating_b{number}.fc", size, size)
    return found


def s3d(gating=False):
    """Each part is registered twice, by its own name and in a block."""
    found = separable("Conv_1a", 3, 64, 7) | separable("block1.0", 3, 64, 7)
    found |= basic("Conv_2b", 64, 64) | separable("Conv_2c", 64, 192, 3)
    found |= basic("block2.1", 64, 64) | separable("block2.2", 64, 192, 3)
    for name, sizes in MIXED.items():
        block, place = name[0], "abcdef".index(name[1])
        found |= mixed(f"Mixed_{name}", sizes, gating) | mixed(f"block{block}.{place}", sizes, gating)
    return found


# ---- TengdaHan/DPC and MemDPC, backbone/resnet_2d3d.py ----


def r2d3d(blocks=(2, 2, 2, 2), *, running=True):
    found = conv("conv1", 64, 3, 1, 7, 7) | bn("bn1", 64, running=running)
    inputs = 64
    for number, (outputs, count) in enumerate(zip((64, 128, 256, 256), blocks, strict=True), 1):
        kernel = (1, 3, 3) if number <= 2 else (3, 3, 3)
        for block in range(count):
            name = f"layer{number}.{block}"
            found |= conv(f"{name}.conv1", outputs, inputs, *kernel) | bn(f"{name}.bn1", outputs, running=running)
            found |= conv(f"{name}.conv2", outputs, outputs, *kernel) | bn(f"{name}.bn2", outputs, running=running)
            if number > 1 and block == 0:
                found |= conv(f"{name}.downsample.0", outputs, inputs, 1, 1, 1)
                found |= bn(f"{name}.downsample.1", outputs, running=running)
            inputs = outputs
    return found


def conv_gru(name, size):
    """The cell stands in the module under its own name and in a list."""
    found = {}
    for cell in ("ConvGRUCell_00", "cell_list.0"):
        for gate in ("reset_gate", "update_gate", "out_gate"):
            found |= conv(f"{name}.{cell}.{gate}", size, 2 * size, 1, 1, bias=True)
    return found


# ---- what stands around the backbones ----


def coclr_head(name, size):
    return conv(f"{name}.2", size, size, 1, 1, 1, bias=True) | conv(f"{name}.4", 128, size, 1, 1, 1, bias=True)


def coclr(gating=False):
    """model/pretrain.py: CoCLR, saved without `module.`."""
    found = {"queue": (128, 2048), "queue_ptr": (1,), "queue_second": (128, 2048)}
    found |= {"queue_vname": (2048,), "queue_label": (2048,)}
    for name in ("encoder_q", "encoder_k", "sampler"):
        found |= under(f"{name}.0.", s3d(gating)) | coclr_head(name, 1024)
    return found


def dualvar(backbone, size, *, moco):
    """model/{simclr,moco}.py: the V4 classes."""
    found = under("encoder_q.0.", backbone) | coclr_head("encoder_q", size)
    heads = ["series_proj_head"]
    if moco:
        found |= under("encoder_k.0.", backbone) | coclr_head("encoder_k", size)
        found |= {"queue": (128, 2048), "queue_ptr": (1,), "series_queue": (128, 2048)}
        heads = ["series_proj_head_q", "series_proj_head_k"]
    for name in heads:
        found |= conv(f"{name}.0", size, size, 1, 1, 1, bias=True) | conv(f"{name}.2", 128, size, 1, 1, 1, bias=True)
    return found


def dpc(blocks=(2, 2, 2, 2)):
    """dpc/model_3d.py, in nn.DataParallel; batch norm keeps no running statistics."""
    found = under("backbone.", r2d3d(blocks, running=False)) | conv_gru("agg", 256)
    found |= conv("network_pred.0", 256, 256, 1, 1, bias=True) | conv("network_pred.2", 256, 256, 1, 1, bias=True)
    return under("module.", found)


def memdpc(blocks=(2, 2, 2, 2)):
    """memdpc/model.py, in nn.DataParallel."""
    found = {"mb": (1024, 256)} | under("backbone.", r2d3d(blocks)) | conv_gru("agg_f", 256) | conv_gru("agg_b", 256)
    found |= conv("network_pred.0", 256, 256, 1, 1, bias=True) | conv("network_pred.2", 1024, 256, 1, 1, bias=True)
    return under("module.", found)


def vcopn(backbone):
    """models/vcopn.py of VCOP: three clips."""
    return under("base_network.", backbone) | linear("fc7", 512, 1024) | linear("fc8", 6, 1536)


def projector(size=512):
    """MoCoHead of PCL and IICv2."""
    return linear("projector.mlp.0", size, size) | linear("projector.mlp.2", 128, size)


def pcl_vcp(backbone):
    """models/vcopn.py of PCL."""
    return under("base_network.", backbone) | linear("fc", 5, 1536) | projector()


def pcl_video_net(backbone):
    """models/network.py of PCL, in nn.DataParallel."""
    found = under("base_network.", backbone) | projector()
    return under("module.", found | linear("fc_seq", 2, 1024) | linear("fc_speed", 4, 1024))


def prp(backbone):
    """models/sscn.py of PRP, in nn.DataParallel."""
    found = under("base_network.", backbone)
    for name, inputs, outputs in (("up1", 512, 256), ("up2", 256, 128), ("up3", 128, 64)):
        found |= {f"{name}.up3d.weight": (inputs, inputs, 2, 2, 2), f"{name}.up3d.bias": (inputs,)}
        found |= conv(f"{name}.conv3d.conv3d.0", outputs, inputs, 3, 3, 3, bias=True)
        found |= bn(f"{name}.conv3d.conv3d.1", outputs)
    found |= {"up4_1.weight": (64, 64, 2, 2, 2), "up4_1.bias": (64,)}
    for name, inputs, outputs in (("outc", 64, 3), ("conv6_cls", 512, 512), ("conv6_rec", 512, 512)):
        found |= conv(f"{name}.conv3d.0", outputs, inputs, 3, 3, 3, bias=True) | bn(f"{name}.conv3d.1", outputs)
    return under("module.", found | linear("fc8", 4, 512))


def rspnet(backbone, inner="linear"):
    """moco/{builder_diffspeed_diffloss,split_wrapper}.py: two linear heads; the encoder keeps a classifier of one."""
    found = {"queue": (128, 16384), "queue_ptr": (1,)}
    for name in ("encoder_q", "encoder_k"):
        found |= under(f"{name}.encoder.", backbone) | linear(f"{name}.encoder.{inner}", 1, 512)
        found |= linear(f"{name}.fc1.2", 128, 512) | linear(f"{name}.fc2.2", 128, 512)
    return found


def videomoco(backbone):
    """moco/builder.py, in DistributedDataParallel."""
    found = {"queue": (128, 65536), "queue_ptr": (1,)}
    for name in ("encoder_q", "encoder_k"):
        found |= under(f"{name}.", backbone) | linear(f"{name}.fc", 128, 512)
    return under("module.", found)


def gdt(heads=("",)):
    """model.py of GDT and of SeLaVi, which has ten heads: a network of pictures and one of sound, no classifiers."""
    found = under("video_network.base.", torchvision_resnet(split=True))
    found |= conv("audio_network.base.conv1", 64, 1, 7, 7) | bn("audio_network.base.bn1", 64)
    inputs = 64
    for number, outputs in enumerate((64, 128, 256, 512), 1):
        name = f"audio_network.base.layer{number}.0"
        found |= conv(f"{name}.conv1", outputs, inputs, 3, 3) | bn(f"{name}.bn1", outputs)
        found |= conv(f"{name}.conv2", outputs, outputs, 3, 3) | bn(f"{name}.bn2", outputs)
        if inputs != outputs:
            found |= conv(f"{name}.downsample.0", outputs, inputs, 1, 1) | bn(f"{name}.downsample.1", outputs)
        inputs = outputs
    for head in heads:
        for network in "va":
            name = f"mlp_{network}{head}.block_forward"
            found |= linear(f"{name}.2", 512, 512, bias=False) | bn(f"{name}.4", 512) | linear(f"{name}.8", 256, 512)
    return found


def tclr():
    """tclr_pretraining/{model,mlp}.py, in nn.DataParallel: nn.Sequential(R3D-18, MLP)."""
    found = under("0.", torchvision_resnet()) | linear("1.fc1", 512, 512) | bn("1.bn1", 512) | bn("1.bn2", 128)
    return under("module.", found | linear("1.fc2", 128, 512, bias=False))
