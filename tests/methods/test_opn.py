import math
from dataclasses import replace

import pytest
from cases import CASES, build
from learning import PLAIN, growing_shapes, term_on, trained

from kinema import recipes
from kinema.batch import generator
from kinema.sampler.rows import orders
from kinema.settings import OPN, Order


def test_it_tells_twelve_orders_of_four_frames():
    method = build(replace(CASES["opn"], method=OPN()))
    assert method.order.answers == 12
    assert method.chance() == {"order": pytest.approx(math.log(12))}
    assert len(method.order.pairs) == 6


def test_each_clip_is_one_frame_and_no_two_of_a_video_are_the_same():
    method = build(replace(CASES["opn"], method=recipes.get("tiny_opn").method))
    assert method.recipe.method.order.reach == 31  # the shortest clips of asl18 have 32 frames
    shown = method.draw(48, generator(0)).indices
    assert shown.shape == (4, 8)
    assert (shown == shown[:, :1]).all()
    assert shown[:, 0].sort().values.diff().tolist() == [10, 10, 10]


def test_a_row_and_its_reverse_have_one_answer():
    draw = build(CASES["opn"]).draw
    seen = {}
    for seed in range(400):
        drawn = draw(7, generator(seed))  # of 7 frames there is one row only
        seen.setdefault(drawn.target, set()).add(tuple(drawn.indices[:, 0].tolist()))
    assert sorted(seen) == list(range(12))
    assert len(orders(4, symmetric=True)) == 12
    assert all(len(rows) == 2 and {row[::-1] for row in rows} == rows for rows in seen.values())


@pytest.mark.slow
def test_order_of_frames_is_learnt_on_growing_shapes():
    """Of three frames, for which chance is 1/3; of looks never seen, 40 points more orders are told."""
    method = OPN(order=Order(clips=3, frames=2, stride=0, gap=9, symmetric=True, pair_dim=64, dropout=0))
    learnt = trained(replace(PLAIN, method=method), growing_shapes(range(96)), epochs=80)
    assert term_on(learnt, growing_shapes(range(100, 132)), "order_acc") > 1 / 3 + 0.4
