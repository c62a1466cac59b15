"""MCN and its baseline at the size of the paper's section 4.1."""

from __future__ import annotations

from kinema.settings import CMC, MCN, Backbone, Recipe, Train


def mcn() -> Recipe:
    """MCN with R(2+1)D-18 on 32 frames of 128 x 128, 500 epochs, batch 28.

    kinema pretrain mcn --data UCF-101 --split 1 --out runs/mcn

    UCF101 has 9,537 training videos. The paper used four 24 GB GPUs; first order needs about 1.25 GB a clip and view.
    Paper, Table 1: 84.8 on UCF101 and 54.5 on HMDB51 after fine-tuning. kinema has not run it at this size yet.
    """
    return Recipe(recipe="mcn", method=MCN(), backbone=Backbone("r2plus1d_18"), train=Train(epochs=500, batch_size=28))


def cmc() -> Recipe:
    """The CMC baseline under the same conditions as `mcn`.

    kinema pretrain cmc --data UCF-101 --split 1 --out runs/cmc

    Paper, Table 1: 77.3 on UCF101 and 46.2 on HMDB51 after fine-tuning. kinema has not run it at this size yet.
    """
    return Recipe(recipe="cmc", method=CMC(), backbone=Backbone("r2plus1d_18"), train=Train(epochs=500, batch_size=28))
