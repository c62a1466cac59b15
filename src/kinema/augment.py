"""Augmentation of a batch of clips on its device: three small matrices a clip, drawn once for all its frames.

Crop, resize, flip and blur act on rows and columns apart and are linear, so each clip needs one matrix for its rows
and one for its columns: ``out = rows @ frame @ columns^T``. Brightness, contrast, saturation and hue are linear in
colour: one 3 x 3 matrix and an offset. So the whole pipeline is two matrix products and one more over colours, on CPU
and GPU alike, and no operation is skipped for speed.

Chance arrives with the batch as uniform numbers (`Batch.dice`), so a clip looks the same whatever the worker, rank or
device. Letters: M clips, T frames, H x W source pixels, S output pixels a side, D dice.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kinema.batch import Batch, beside
from kinema.settings import Augment

# Which of a clip's dice decides what.
TRIES = 10
AREA, ASPECT = slice(0, TRIES), slice(TRIES, 2 * TRIES)
TOP, LEFT, FLIP, JITTER, BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY, BLUR, SIGMA = range(20, 31)

IN_ONE_SUM = 192
"""Pixels. Longer products MKL sums in parts: left without their zeros, those would be parted and rounded elsewhere."""

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights of grey that Pillow and torchvision use


def augment(
    clips: Tensor, extent: Tensor, dice: Tensor, settings: Augment, size: int, *, colours: Tensor | None = None
) -> Tensor:
    """Random crop, flip, colour jitter and blur.

    Args:
        clips: uint8 [M, T, H, W, 3].
        extent: int64 [M, 2], height and width of the frames inside H x W.
        dice: float [M, D] uniform in [0, 1).
        settings: ranges and probabilities.
        size: S.
        colours: float [M, T, D], dice of each frame for jitter and greyscale; `None` gives a clip's frames its own.

    Returns:
        float32 [M, 3, T, S, S] in [0, 1], under autocast too: bf16 cannot tell neighbouring grey levels apart, and
        residuals are differences of them.
    """
    with torch.autocast(clips.device.type, enabled=False):
        return _augment(clips, extent, dice, settings, size, colours)


def _augment(
    clips: Tensor, extent: Tensor, dice: Tensor, settings: Augment, size: int, colours: Tensor | None
) -> Tensor:
    blur = gaussian(blur_sigmas(dice, settings, size), size)  # [M, S, S]
    rows, columns = (blur @ axis for axis in cropping(clips, extent, dice, settings, size))
    pixels = resample(clips, rows, flipped(columns, dice, settings))  # [M, T, S, S, 3]
    if colours is None:
        pixels = jitter(pixels, dice, settings)
    else:
        pixels = jitter(pixels.flatten(0, 1)[:, None], colours.flatten(0, 1), settings).view_as(pixels)
    return pixels.permute(0, 4, 1, 2, 3)  # the channels last in memory, the layout in which convolutions are fastest


def augment_each(batch: Batch, settings: Augment, size: int, *, colours: Tensor | None = None) -> Tensor:
    """`augment` of all N clips of each video, each with dice of its own: float32 [B, N, 3, T, S, S].

    `colours` are dice of each frame, float [B, N, T, D], where a clip's frames are not to share theirs.
    """
    N = batch.clips.shape[1]
    flat = augment(
        batch.clips[..., :3].flatten(0, 1),
        batch.extent.repeat_interleave(N, dim=0),
        batch.dice.flatten(0, 1),
        settings,
        size,
        colours=None if colours is None else colours.flatten(0, 1),
    )
    return flat.view(-1, N, *flat.shape[1:])


def without_colour(dice: Tensor, clips: Tensor) -> Tensor:
    """The dice [M, D] by which clips that are set in bool [M] are cropped and flipped, but not jittered or blurred."""
    dice = dice.clone()
    for column in (JITTER, GREY, BLUR):
        dice[:, column].masked_fill_(clips, 1.0)
    return dice


def crop_and_flip(clips: Tensor, extent: Tensor, dice: Tensor, settings: Augment, size: int) -> Tensor:
    """`augment` of any number of channels without what is done to colours: crop and flip alone, as for flow."""
    with torch.autocast(clips.device.type, enabled=False):
        rows, columns = cropping(clips, extent, dice, settings, size)
        return resample(clips, rows, flipped(columns, dice, settings)).permute(0, 4, 1, 2, 3)


def cropping(clips: Tensor, extent: Tensor, dice: Tensor, settings: Augment, size: int) -> tuple[Tensor, Tensor]:
    """float32 [M, S, H] and [M, S, W]: crop and resize of the rows and of the columns."""
    box = crop_boxes(extent, dice, settings)
    rows = resampling(box[:, 0], box[:, 2], clips.shape[2], size, extent[:, 0])
    return rows, resampling(box[:, 1], box[:, 3], clips.shape[3], size, extent[:, 1])


def flipped(columns: Tensor, dice: Tensor, settings: Augment) -> Tensor:
    """The columns of each clip [M, S, W], from right to left where it is drawn so."""
    return torch.where((dice[:, FLIP] < settings.flip)[:, None, None], columns.flip(1), columns)


def resample(clips: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """float32 [M, T, S, S, C] in [0, 1] from uint8 [M, T, H, W, C] and one matrix for each axis.

    On a CPU, clip by clip and without the pixels outside its crop, which count for nothing. Of a GPU, asking where the
    crops are would mean to wait for it.
    """
    if clips.device.type != "cpu":
        return _resample(clips, rows, columns).contiguous()
    parts = []
    for row in range(len(clips)):
        high, wide = counted(rows[row]), counted(columns[row])
        parts.append(_resample(clips[row, None, :, high, wide], rows[row, None, :, high], columns[row, None, :, wide]))
    return torch.cat(parts).contiguous()


def counted(matrix: Tensor) -> slice:
    """The pixels from the first that a matrix [S, source] does not multiply by zero to the last; all of a long row."""
    if matrix.shape[1] > IN_ONE_SUM:
        return slice(None)
    pixels = matrix.any(dim=0).nonzero()
    return slice(int(pixels[0]), int(pixels[-1]) + 1)


def _resample(clips: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    M, T, H, W, C = clips.shape
    size = rows.shape[1]
    # Rows first, with W * C contiguous as the frames arrive; then all of a clip's columns in one product.
    tall = torch.matmul(rows[:, None] / 255, clips.to(rows.dtype).view(M, T, H, W * C)).view(M, T, size, W, C)
    lines = tall.transpose(3, 4).reshape(M, T * size * C, W)
    return torch.bmm(lines, columns.transpose(1, 2)).view(M, T, size, C, size).transpose(3, 4)


def crop_boxes(extent: Tensor, dice: Tensor, settings: Augment) -> Tensor:
    """float32 [M, 4]: top, left, height, width of each crop, in source pixels.

    The law of the field's random-resized crop: area and log aspect uniform, the first of ten tries that fits; if none
    does, the whole frame cut to the nearest allowed aspect.
    """
    height, width = extent.to(dice.dtype).unbind(1)  # [M] each
    low, high = settings.crop_area
    area = (low + (high - low) * dice[:, AREA]) * (height * width)[:, None]  # [M, tries]
    low, high = (math.log(edge) for edge in settings.crop_aspect)
    aspect = torch.exp(low + (high - low) * dice[:, ASPECT])
    crop_h, crop_w = (area / aspect).sqrt(), (area * aspect).sqrt()
    fits = (crop_h <= height[:, None]) & (crop_w <= width[:, None])

    whole = (width / height).clamp(*settings.crop_aspect)
    crop_h = torch.cat([crop_h, torch.minimum(height, width / whole)[:, None]], dim=1)
    crop_w = torch.cat([crop_w, torch.minimum(width, height * whole)[:, None]], dim=1)
    fits = torch.cat([fits, torch.ones_like(fits[:, :1])], dim=1)
    first = fits.to(torch.uint8).argmax(dim=1, keepdim=True)
    crop_h, crop_w = crop_h.gather(1, first)[:, 0], crop_w.gather(1, first)[:, 0]
    top, left = dice[:, TOP] * (height - crop_h), dice[:, LEFT] * (width - crop_w)
    return torch.stack([top, left, crop_h, crop_w], dim=1)


def resampling(start: Tensor, length: Tensor, source: int, size: int, extent: Tensor) -> Tensor:
    """float32 [M, S, source]: linear interpolation of [start, start + length) to S pixels, each row summing to one.

    Where the crop is larger than S the triangle widens with it, so shrinking does not alias.
    """
    scale = length / size
    centre = start[:, None] + (torch.arange(size, device=start.device) + 0.5) * scale[:, None]  # [M, S]
    pixel = torch.arange(source, device=start.device) + 0.5
    reach = scale.clamp(min=1.0)[:, None, None]
    weight = (1 - (pixel - centre[:, :, None]).abs() / reach).clamp(min=0)  # [M, S, source]
    weight = weight * (pixel < extent[:, None, None])  # the padding beyond the frame is not part of the picture
    return weight / weight.sum(dim=2, keepdim=True)


def blur_sigmas(dice: Tensor, settings: Augment, size: int) -> Tensor:
    """float32 [M]: each clip's blur in output pixels, 0 where it has none."""
    low, high = settings.blur_sigma
    sigma = (low + (high - low) * dice[:, SIGMA]) * (size / 128)
    return torch.where(dice[:, BLUR] < settings.blur, sigma, torch.zeros_like(sigma))


def gaussian(sigma: Tensor, size: int) -> Tensor:
    """float32 [M, S, S]: blur along one axis as a matrix, each row summing to one; the identity for sigma 0."""
    pixel = torch.arange(size, device=sigma.device, dtype=sigma.dtype)
    distance = (pixel[:, None] - pixel[None, :]).square()
    weight = torch.exp(-distance / (2 * sigma.clamp(min=1e-3).square())[:, None, None])
    return weight / weight.sum(dim=2, keepdim=True)


def jitter(clips: Tensor, dice: Tensor, settings: Augment) -> Tensor:
    """Colour jitter and greyscale of float [M, T, S, S, 3] in [0, 1].

    Hue is a turn of the chroma plane about grey in YIQ. Saturation and hue leave the grey value as it is, so the order
    of the four operations makes no difference, and values are clamped once at the end.
    """
    on = dice[:, JITTER] < settings.jitter  # [M]

    def factor(which: int, reach: float) -> Tensor:
        drawn = 1 + reach * (2 * dice[:, which] - 1)
        return torch.where(on, drawn, torch.ones_like(drawn))

    contrast, brightness = factor(CONTRAST, settings.contrast), factor(BRIGHTNESS, settings.brightness)
    saturation = factor(SATURATION, settings.saturation)
    saturation = torch.where(dice[:, GREY] < settings.grey, torch.zeros_like(saturation), saturation)
    angle = (factor(HUE, settings.hue) - 1) * (2 * math.pi)

    mean_grey = clips.mean(dim=(1, 2, 3)) @ beside(torch.tensor(LUMA, dtype=clips.dtype), clips)  # [M]
    matrix = colour_matrix(saturation, angle) * (brightness * contrast)[:, None, None]  # [M, 3, 3]
    offset = brightness * (1 - contrast) * mean_grey  # [M]
    pixels = clips.flatten(1, 3)  # [M, T * S * S, 3]
    return torch.baddbmm(offset[:, None, None], pixels, matrix.transpose(1, 2)).clamp_(0, 1).view_as(clips)


def colour_matrix(saturation: Tensor, angle: Tensor) -> Tensor:
    """float32 [M, 3, 3]: scales chroma by `saturation` and turns it by `angle` radians in YIQ, grey unchanged."""
    to_yiq = torch.tensor([LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)])
    to_yiq = beside(to_yiq, angle)
    turn = torch.zeros(len(angle), 3, 3, device=angle.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * angle.cos()
    turn[:, 2, 1] = saturation * angle.sin()
    turn[:, 1, 2] = -turn[:, 2, 1]
    matrix: Tensor = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return matrix
