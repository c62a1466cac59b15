"""What a video's features are contrasted with: two memory banks, one a view, or the other videos of the batch.

A bank holds a feature of every video, against which the other view's features are contrasted.

Letters: V videos in the data set, B in the batch, K negatives, D length of a feature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import settings
from kinema.batch import Write, beside, generator
from kinema.errors import UsageError
from kinema.losses import noise_contrast, softmax_contrast


def contrast_of(
    num_videos: int, dim: int, config: settings.Contrast, *, seed: int, intra: bool = False
) -> PairedBanks | InBatch:
    """The contrast that the settings name; with intra-negatives (IIC) or without."""
    if config.source == "batch":
        return InBatch(config, intra=intra)
    return PairedBanks(num_videos, dim, config, seed=seed, intra=intra)


class InBatch(nn.Module):
    """Eq. 2-3 with the batch in place of the bank: an anchor's negatives are the other videos' other view.

    Both views are anchors (`directions`, or only RGB). Features that know nothing give ln B a direction; with
    intra-negatives, of which every anchor has all the batch's, ln 2 B.
    """

    def __init__(self, config: settings.Contrast, *, intra: bool = False) -> None:
        super().__init__()
        self.config = config
        self.intra = intra

    def contrast(
        self,
        z1: Tensor,
        z2: Tensor,
        video: Tensor,
        rng: torch.Generator,
        pool: Tensor | None = None,
        intra: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], tuple[Write, ...]]:
        """As `PairedBanks.contrast`; draws and writes nothing, and has a gradient for the intra-negatives too."""
        with torch.autocast(z1.device.type, enabled=False):
            scores = z1.float() @ z2.float().T / self.config.temperature  # [B, B], own video on the diagonal
            tables = [scores, scores.T] if self.config.directions == "both" else [scores]
            if intra is not None:
                further = [anchor.float() @ intra.float().T / self.config.temperature for anchor in (z1, z2)]
                tables = [torch.cat([table, more], dim=1) for table, more in zip(tables, further, strict=False)]
        own = torch.arange(len(z1), device=z1.device)
        total = torch.stack([F.cross_entropy(table, own) for table in tables]).sum()
        correct = torch.stack([(table.detach().argmax(dim=1) == own).float().mean() for table in tables]).mean()
        return total, {"contrast": total.detach(), "contrast_acc": correct}, ()

    def chance(self, batch_size: int) -> float:
        """ln B a direction, or ln 2 B."""
        return (2 if self.config.directions == "both" else 1) * math.log(batch_size * (1 + self.intra))


class PairedBanks(nn.Module):
    """The contrast of Eq. 2-3 between a batch's two views and the banks of all videos.

    Rows begin uniform in a cube, of length about one (CMC), and have unit length once refreshed. Gradients reach the
    batch's features only. The banks are not written here: `contrast` returns the writes.

    With `intra` there is a third bank, of each video's intra-negative: a clip of it whose motion was destroyed (IIC).
    Its rows of the same K + 1 videos, the anchor's own among them, are further negatives of both views' anchors.

    Raises:
        UsageError: there is only one video, so nothing to contrast it with.
    """

    def __init__(self, num_videos: int, dim: int, config: settings.Contrast, *, seed: int, intra: bool = False) -> None:
        super().__init__()
        if num_videos < 2:
            raise UsageError(f"{num_videos} video has no other to be contrasted with: give a list of 2 or more")
        self.config = config
        self.num_negatives = min(config.negatives, num_videos - 1)
        rng = generator(seed, "bank")
        edge = 1 / math.sqrt(dim / 3)
        for name in ("rgb", "residual", "intra")[: 2 + intra]:
            self.register_buffer(name, (2 * torch.rand(num_videos, dim, generator=rng) - 1) * edge)
        if config.form == "nce":
            self.register_buffer("z", torch.zeros(2))  # one constant a direction; 0 until the first batch sets it
        if not intra:
            self.register_buffer("intra", None)
        self.rgb: Tensor
        self.residual: Tensor
        self.intra: Tensor | None
        self.z: Tensor

    def contrast(
        self,
        z1: Tensor,
        z2: Tensor,
        video: Tensor,
        rng: torch.Generator,
        pool: Tensor | None = None,
        intra: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor], tuple[Write, ...]]:
        """The loss of RGB features z1 and residual features z2, both [B, D], of the videos [B].

        `pool` holds the videos that negatives are drawn from; `None` is all. `intra` [B, D] are the features of the
        videos' intra-negatives, with which their bank is refreshed. Returns the loss, terms for the log, and the
        writes that refresh the banks.
        """
        indices = self.draw(video, rng, pool)  # [B, K + 1]
        pairs = [(z1, z2, self.residual)]
        if self.config.directions == "both":
            pairs.append((z2, z1, self.rgb))
        losses, correct, writes = [], [], list(self.refresh(z1, z2, video, intra))
        for direction, (anchor, other, bank) in enumerate(pairs):
            scores = self.scores(anchor, other, bank, indices) / self.config.temperature
            if self.config.form == "nce":
                z = self.constant(scores.detach(), direction)
                place = torch.full((1,), direction, device=z.device)  # a number sent there would be waited for
                writes.append(Write("z", z[None], place))
                losses.append(noise_contrast(scores, z, len(self.rgb)))
            else:
                losses.append(softmax_contrast(scores))
            correct.append((scores.detach().argmax(dim=1) == 0).float().mean())
        total = torch.stack(losses).sum()
        return total, {"contrast": total.detach(), "contrast_acc": torch.stack(correct).mean()}, tuple(writes)

    def scores(self, anchor: Tensor, other: Tensor, bank: Tensor, indices: Tensor) -> Tensor:
        """float32 [B, K + 1]: anchors [B, D] against a bank's rows [B, K + 1]; under autocast too, as tau is small.

        Where there are intra-negatives, [B, 2 (K + 1)], theirs behind.
        """
        with torch.autocast(anchor.device.type, enabled=False):
            scores = torch.einsum("bd,bkd->bk", anchor.float(), rows(bank, indices))
            if self.config.positive == "batch":
                own = (anchor.float() * other.float()).sum(dim=1, keepdim=True)
                scores = torch.cat([own, scores[:, 1:]], dim=1)
            if self.intra is not None:
                intra = torch.einsum("bd,bkd->bk", anchor.float(), rows(self.intra, indices))
                scores = torch.cat([scores, intra], dim=1)
        return scores

    def draw(self, video: Tensor, rng: torch.Generator, pool: Tensor | None) -> Tensor:
        """int64 [B, K + 1]: each anchor's own row, then K rows drawn uniformly with replacement."""
        shape = (len(video), self.num_negatives)
        pool = None if pool is None else beside(pool, video)
        count = len(self.rgb if pool is None else pool)
        if self.config.exclude_self:
            # [B], where each anchor stands in the pool
            own = video if pool is None else (pool == video[:, None]).to(torch.uint8).argmax(dim=1)
            places = (own[:, None] + beside(torch.randint(1, count, shape, generator=rng), video)) % count
        else:
            places = beside(torch.randint(count, shape, generator=rng), video)
        drawn = places if pool is None else pool[places]
        return torch.cat([video[:, None], drawn], dim=1)

    def refresh(self, z1: Tensor, z2: Tensor, video: Tensor, intra: Tensor | None = None) -> tuple[Write, ...]:
        """The batch's rows moved towards its features and set back to unit length."""
        keep = self.config.bank_momentum

        def moved(bank: Tensor, feature: Tensor) -> Tensor:
            return F.normalize(keep * bank[video] + (1 - keep) * feature.detach().float(), dim=1)

        writes = [Write("rgb", moved(self.rgb, z1), video), Write("residual", moved(self.residual, z2), video)]
        if self.intra is not None and intra is not None:
            writes.append(Write("intra", moved(self.intra, intra), video))
        return tuple(writes)

    def constant(self, scores: Tensor, direction: int) -> Tensor:
        """Z of one direction: its estimate from this batch when there is none yet, else that kept or averaged in."""
        estimate = scores.exp().mean() * len(self.rgb)
        before = self.z[direction]
        keep = 1.0 if self.config.z_momentum is None else self.config.z_momentum
        return torch.where(before == 0, estimate, keep * before + (1 - keep) * estimate)

    def chance(self, batch_size: int) -> float:
        """The loss of features that know nothing, whatever the batch size.

        A direction's is ln(K + 1) for softmax. For nce, where every row is as likely as the noise, it is that and
        K ln(1 + 1/K), nearly 1, for telling K noise samples apart. Intra-negatives make 2 K + 1 of K.
        """
        negatives = self.num_negatives if self.intra is None else 2 * self.num_negatives + 1
        loss = math.log(negatives + 1)
        if self.config.form == "nce":
            loss += negatives * math.log1p(1 / negatives)
        return (2 if self.config.directions == "both" else 1) * loss


def rows(bank: Tensor, indices: Tensor) -> Tensor:
    """[B, K + 1, D]: a bank's rows [B, K + 1]; a row is copied whole, where indexing goes number by number on a CPU."""
    return bank.index_select(0, indices.flatten()).view(*indices.shape, -1)


def prefixed(name: str, writes: Sequence[Write]) -> tuple[Write, ...]:
    """The same writes, as seen from the module that holds the banks under `name`."""
    return tuple(Write(f"{name}.{write.buffer}", write.value, write.rows) for write in writes)
