"""The size of the paper: RGB and vertical flow as views, for the retrieval of Tables 9 and 10.

Section 4.4 names these views and not how they are combined: here a second network is pre-trained on them, and the two
features stand side by side in retrieval (IIC's joint retrieval). `kinema retrieve runs/mcn --view rgb+flow` is the
other reading: the network of Tables 1 to 8 is shown flow at test time alone. Costs are estimated as in
`kinema.recipes.paper`; the flow of UCF101 and HMDB51 has to be made first.
"""

from __future__ import annotations

from kinema.recipes.paper import paper
from kinema.settings import MCN, Recipe, Views


def mcn_flow() -> Recipe:
    """`mcn` with vertical flow for its second view.

    kinema data flow UCF-101 --out flow/UCF-101
    kinema data flow HMDB51 --out flow/HMDB51
    kinema pretrain mcn_flow --data UCF-101 --flow flow/UCF-101 --out runs/mcn_flow
    kinema retrieve runs/mcn_flow --data UCF-101 --view rgb+flow --flow flow/UCF-101
    kinema retrieve runs/mcn_flow --data HMDB51 --view rgb+flow --flow flow/HMDB51

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, R@1, 5, 10, 20, 50: UCF101 52.5 / 69.5 / 77.9 / 83.1 / 89.3 (Table 9), HMDB51
    23.7 / 46.5 / 58.9 / 72.4 / 87.3 (Table 10). kinema has not run it at this size yet.
    """
    return paper("mcn_flow", MCN(views=Views(second="flow")))


def mcn_r3d_flow() -> Recipe:
    """`mcn_r3d` with vertical flow for its second view.

    kinema data flow UCF-101 --out flow/UCF-101
    kinema data flow HMDB51 --out flow/HMDB51
    kinema pretrain mcn_r3d_flow --data UCF-101 --flow flow/UCF-101 --out runs/mcn_r3d_flow
    kinema retrieve runs/mcn_r3d_flow --data UCF-101 --view rgb+flow --flow flow/UCF-101
    kinema retrieve runs/mcn_r3d_flow --data HMDB51 --view rgb+flow --flow flow/HMDB51

    Cost: 65.8 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, R@1, 5, 10, 20, 50: UCF101 53.8 / 70.2 / 78.3 / 83.4 / 89.7 (Table 9), HMDB51
    24.1 / 46.8 / 59.7 / 74.2 / 87.6 (Table 10). kinema has not run it at this size yet.
    """
    return paper("mcn_r3d_flow", MCN(views=Views(second="flow")), "r3d_18", batch_size=80)
