import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.sampler.speeds import FAST, SLOW, TwoSpeeds


def drawn(num_frames, *, frames=3, stride=1, count=200):
    return [TwoSpeeds(frames, stride)(num_frames, generator(seed)) for seed in range(count)]


@given(frames=st.integers(2, 16), stride=st.integers(1, 4), more=st.integers(0, 40), seed=st.integers(0, 99))
def test_a_key_has_the_querys_speed_and_the_other_key_the_other(frames, stride, more, seed):
    found = TwoSpeeds(frames, stride)(2 * (frames - 1) * stride + 1 + more, generator(seed))
    own = 2 * stride if found.target == FAST else stride
    query, same, other = found.indices
    assert (query.diff() == own).all()
    assert (same.diff() == own).all()
    assert (other.diff() == 3 * stride - own).all()
    assert same[0] == other[0]  # one window, read at two speeds


def test_exact_indices_where_there_is_one_window():
    for each in drawn(5):
        slow, fast = [0, 1, 2], [0, 2, 4]
        expected = [fast, fast, slow] if each.target == FAST else [slow, slow, fast]
        assert each.indices.tolist() == expected


def test_speeds_are_as_likely_and_windows_are_drawn_apart():
    targets = [each.target for each in drawn(20)]
    assert set(targets) == {SLOW, FAST}
    assert 70 < targets.count(FAST) < 130
    starts = {tuple(each.indices[:2, 0].tolist()) for each in drawn(7)}
    assert starts == {(query, key) for query in range(3) for key in range(3)}


def test_in_a_short_video_a_fast_clip_repeats_the_first_frame():
    found = {each.target: each.indices.tolist() for each in drawn(4, frames=4, count=20)}
    slow, fast = [0, 1, 2, 3], [0, 0, 0, 2]
    assert found == {SLOW: [slow, slow, fast], FAST: [fast, fast, slow]}
    assert torch.equal(drawn(1)[0].indices, torch.zeros(3, 3, dtype=torch.int64))
