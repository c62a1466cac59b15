"""Other repositories' networks in evaluation mode, as functions of their state dicts under their own names.

Each takes {name: tensor} of the backbone alone and x [B, 3, T, H, W], and returns the pooled feature [B, C].
"""

import torch
import torch.nn.functional as F


def conv(state, name, x, stride=1, padding=0, dilation=1):
    return F.conv3d(x, state[f"{name}.weight"], state.get(f"{name}.bias"), stride, padding, dilation)


def bn(state, name, x, eps=1e-5):
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return F.batch_norm(x, state[f"{name}.running_mean"], state[f"{name}.running_var"], weight, bias, eps=eps)


def pooled(x):
    return x.mean(dim=(2, 3, 4))


def vcop(state, x):
    """R3D or R(2+1)D of VCOP, whichever the names say."""

    def any_conv(name, x, stride, padding):
        if f"{name}.temporal_spatial_conv.weight" in state:
            return conv(state, f"{name}.temporal_spatial_conv", x, stride, padding)
        x = conv(state, f"{name}.spatial_conv", x, (1, *stride[1:]), (0, *padding[1:]))
        x = F.relu(bn(state, f"{name}.bn", x))
        return conv(state, f"{name}.temporal_conv", x, (stride[0], 1, 1), (padding[0], 0, 0))

    x = F.relu(bn(state, "bn1", any_conv("conv1", x, (1, 2, 2), (1, 3, 3))))
    for stage in (2, 3, 4, 5):
        name, stride = f"conv{stage}.block1", (1, 1, 1) if stage == 2 else (2, 2, 2)
        y = F.relu(bn(state, f"{name}.bn1", any_conv(f"{name}.conv1", x, stride, (1, 1, 1))))
        y = bn(state, f"{name}.bn2", any_conv(f"{name}.conv2", y, (1, 1, 1), (1, 1, 1)))
        if stage > 2:
            x = bn(state, f"{name}.downsamplebn", any_conv(f"{name}.downsampleconv", x, stride, (0, 0, 0)))
        x = F.relu(x + y)
    return pooled(x)


def c3d(state, x):
    for name in ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b"):
        x = F.relu(bn(state, f"bn{name}", conv(state, f"conv{name}", x, 1, 1)))
        if name == "1":
            x = F.max_pool3d(x, (1, 2, 2), (1, 2, 2))
        elif name in ("2", "3b", "4b"):
            x = F.max_pool3d(x, 2, 2)
    return pooled(x)


def torchvision_resnet(state, x, *, dilated=False):
    """R3D-18 or R(2+1)D-18; `dilated` is TCLR's last stage."""

    def conv3(name, x, stride, dilation):
        if f"{name}.weight" in state:
            return conv(state, name, x, stride, (dilation, 1, 1), (dilation, 1, 1))
        x = F.relu(bn(state, f"{name}.1", conv(state, f"{name}.0", x, (1, *stride[1:]), (0, 1, 1))))
        return conv(state, f"{name}.3", x, (stride[0], 1, 1), (1, 0, 0))

    if "stem.3.weight" in state:
        x = F.relu(bn(state, "stem.1", conv(state, "stem.0", x, (1, 2, 2), (0, 3, 3))))
        x = F.relu(bn(state, "stem.4", conv(state, "stem.3", x, 1, (1, 0, 0))))
    else:
        x = F.relu(bn(state, "stem.1", conv(state, "stem.0", x, (1, 2, 2), (1, 3, 3))))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            stride, dilation = (1, 1, 1) if stage == 1 or block == 1 else (2, 2, 2), 1
            if dilated and stage == 4 and block == 0:
                stride, dilation = (1, 2, 2), 2
            y = F.relu(bn(state, f"{name}.conv1.1", conv3(f"{name}.conv1.0", x, stride, dilation)))
            y = bn(state, f"{name}.conv2.1", conv3(f"{name}.conv2.0", y, (1, 1, 1), 1))
            if f"{name}.downsample.0.weight" in state:
                x = bn(state, f"{name}.downsample.1", conv(state, f"{name}.downsample.0", x, stride))
            x = F.relu(x + y)
    return pooled(x)


def s3d(state, x):
    """CoCLR's S3D, or S3D-G if there are gates; batch norm has eps 1e-5."""

    def basic(name, x):
        return F.relu(bn(state, f"{name}.bn", conv(state, f"{name}.conv", x)))

    def separable(name, x, stride, padding):
        x = F.relu(
            bn(state, f"{name}.bn1", conv(state, f"{name}.conv1", x, (1, stride, stride), (0, padding, padding)))
        )
        return F.relu(bn(state, f"{name}.bn2", conv(state, f"{name}.conv2", x, (stride, 1, 1), (padding, 0, 0))))

    def mixed(name, x):
        branches = [
            basic(f"{name}.branch0.0", x),
            separable(f"{name}.branch1.1", basic(f"{name}.branch1.0", x), 1, 1),
            separable(f"{name}.branch2.1", basic(f"{name}.branch2.0", x), 1, 1),
            basic(f"{name}.branch3.1", F.max_pool3d(x, 3, 1, 1)),
        ]
        for number, branch in enumerate(branches):
            gate = f"{name}.gating_b{number}.fc"
            if f"{gate}.weight" in state:
                weights = torch.sigmoid(F.linear(pooled(branch), state[f"{gate}.weight"], state[f"{gate}.bias"]))
                branches[number] = weights[:, :, None, None, None] * branch
        return torch.cat(branches, dim=1)

    x = F.max_pool3d(separable("Conv_1a", x, 2, 3), (1, 3, 3), (1, 2, 2), (0, 1, 1))
    x = F.max_pool3d(separable("Conv_2c", basic("Conv_2b", x), 1, 1), (1, 3, 3), (1, 2, 2), (0, 1, 1))
    x = F.max_pool3d(mixed("Mixed_3c", mixed("Mixed_3b", x)), 3, 2, 1)
    for part in "bcdef":
        x = mixed(f"Mixed_4{part}", x)
    return pooled(mixed("Mixed_5c", mixed("Mixed_5b", F.max_pool3d(x, 2, 2))))


def r2d3d(state, x):
    """DPC's network, and the ReLU that its evaluation applies to the map."""
    x = F.relu(bn(state, "bn1", conv(state, "conv1", x, (1, 2, 2), (0, 3, 3))))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for stage in (1, 2, 3, 4):
        count = len({name.split(".")[1] for name in state if name.startswith(f"layer{stage}.")})
        for block in range(count):
            name, t = f"layer{stage}.{block}", 0 if stage <= 2 else 1
            stride = (1, 1, 1) if stage == 1 or block else (1 + t, 2, 2)
            y = F.relu(bn(state, f"{name}.bn1", conv(state, f"{name}.conv1", x, stride, (t, 1, 1))))
            y = bn(state, f"{name}.bn2", conv(state, f"{name}.conv2", y, 1, (t, 1, 1)))
            if f"{name}.downsample.0.weight" in state:
                x = bn(state, f"{name}.downsample.1", conv(state, f"{name}.downsample.0", x, stride))
            x = x + y if stage == 4 and block == count - 1 else F.relu(x + y)
    return pooled(F.relu(x))
