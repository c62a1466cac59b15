import io
import math
import pickle
from dataclasses import replace

import pytest
import torch
from cases import BATCH, CASES, VIDEOS, batch, build, options, step, with_option
from hypothesis import given
from hypothesis import strategies as st

from kinema.backbones.convolution import Conv3d
from kinema.batch import Enqueue, generator
from kinema.errors import UsageError
from kinema.frozen import FrozenCopy
from kinema.methods import METHODS
from kinema.momentum import MomentumCopy
from kinema.precision import has_bf16
from kinema.queue import Queue
from kinema.sampler import check_batch_size
from kinema.settings import METHOD_SETTINGS

every_method = pytest.mark.parametrize("name", CASES)
in_bf16 = pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")


with_banks = pytest.mark.parametrize("name", [name for name in CASES if hasattr(build(CASES[name]), "banks")])


def named_by(write):
    """The buffers that a write changes."""
    if isinstance(write, Enqueue):
        return {f"{write.queue}.{row}" for row in (*write.rows, "place")}
    return {write.buffer}


def of_copies(method, kind):
    return {
        f"{name}.{buffer}"
        for name, module in method.named_modules()
        if isinstance(module, kind)
        for buffer, _ in module.named_buffers(recurse=False)
    }


def copies(method):
    """The buffers that follow the weights after each step."""
    return of_copies(method, MomentumCopy)


def frozen(method):
    """The buffers that nothing may change."""
    return of_copies(method, FrozenCopy)


def state_of(method):
    return {name: value.clone() for name, value in method.state_dict().items()}


def changed(before, method):
    return {name for name, value in method.state_dict().items() if not torch.equal(before[name], value)}


def test_every_method_has_a_case_and_settings():
    assert set(METHODS) == set(CASES) == set(METHOD_SETTINGS)
    assert all(recipe.method.name == name for name, recipe in CASES.items())


@every_method
def test_what_is_listed_of_a_methods_needs_is_so(name):
    videos = 70_001  # more than any queue holds, so that a buffer of as many rows is a bank
    method = build(replace(CASES[name], method=METHOD_SETTINGS[name]()), videos)
    banks = ["bank" for buffer in method.buffers() if buffer.shape[:1] == (videos,) and buffer.is_floating_point()]
    queues = ["queue" for module in method.modules() if isinstance(module, Queue)]
    assert {*banks, *queues} == {METHODS[name].memory} - {""}
    assert len(method.draw(100, generator(0)).indices) == METHODS[name].clips


@every_method
@given(num_frames=st.integers(1, 300), frames=st.integers(1, 32), stride=st.integers(1, 5), seed=st.integers(0, 99))
def test_draws_stay_inside_any_video(name, num_frames, frames, stride, seed):
    clip = replace(CASES[name].clip, frames=frames, stride=stride)
    try:
        method = build(replace(CASES[name], clip=clip))
    except UsageError as refusal:  # a method may need two frames, for its task to mean anything
        assert frames == 1
        assert str(refusal).startswith("--clip.frames 1 ")
        return
    drawn = method.draw(num_frames, generator(seed))
    assert drawn.indices.dtype == torch.int64
    assert drawn.indices.dim() == 2
    assert drawn.indices.min() >= 0
    assert drawn.indices.max() < num_frames
    again = method.draw(num_frames, generator(seed))
    assert torch.equal(drawn.indices, again.indices)
    assert drawn.target == again.target
    assert drawn.indices.shape == method.draw(60, generator(0)).indices.shape  # so that batches stack


@every_method
def test_what_reading_processes_get_of_a_method_is_small(name):
    method = build(CASES[name])
    copy = pickle.dumps(method.draw)
    assert len(copy) < 1000
    drawn = pickle.loads(copy)(40, generator(0))
    assert torch.equal(drawn.indices, method.draw(40, generator(0)).indices)


@every_method
def test_loss_is_a_finite_scalar_with_detached_terms(name):
    method = build(CASES[name])
    outcome = method.loss(batch(method), step())
    assert outcome.total.shape == ()
    assert outcome.total.dtype == torch.float32
    assert torch.isfinite(outcome.total)
    assert outcome.terms
    for value in outcome.terms.values():
        assert value.shape == ()
        assert torch.isfinite(value)
        assert not value.requires_grad


@every_method
def test_loss_is_a_function_of_batch_and_step_and_changes_nothing(name):
    method = build(CASES[name])
    given, before = batch(method), state_of(method)
    clips = given.clips.clone()
    torch.manual_seed(1)
    first = method.loss(given, step(7))
    torch.manual_seed(2)
    second = method.loss(given, step(7))
    assert torch.equal(first.total, second.total)
    assert {name: float(value) for name, value in first.terms.items()} == {
        name: float(value) for name, value in second.terms.items()
    }
    assert changed(before, method) == set()
    assert torch.equal(clips, given.clips)
    assert not torch.equal(first.total, method.loss(batch(method, seed=1), step(7)).total)


@every_method
def test_the_order_of_a_batch_makes_no_difference(name, monkeypatch):
    """What a step draws for each video goes with the video; where a step has two halves, each is reordered."""
    method = build(CASES[name])
    given = batch(method)
    before = method.loss(given, step()).total
    order = torch.randperm(BATCH, generator=generator("order"))
    for draw in ("rand", "randint"):
        monkeypatch.setattr(torch, draw, in_order(getattr(torch, draw), order))
    places = torch.cat([start + order for start in range(0, len(given), BATCH)])
    after = method.loss(given.each(lambda rows: rows[places]), step()).total
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def in_order(draw, order):
    """`draw`, with the rows of what it draws for each video of a batch in another order."""

    def reordered(*args, **kwargs):
        drawn = draw(*args, **kwargs)
        return drawn[order] if "generator" in kwargs and drawn.shape[:1] == order.shape else drawn

    return reordered


@with_banks
def test_negatives_differ_from_step_to_step(name):
    method = build(CASES[name])
    given = batch(method)
    assert not torch.equal(method.loss(given, step(7)).total, method.loss(given, step(8)).total)


@every_method
def test_every_parameter_gets_a_gradient(name):
    method = build(CASES[name])
    method.loss(batch(method), step(epoch=1)).total.backward()  # in the first, some hold a part of theirs still
    without = [name for name, p in method.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in method.parameters())


@every_method
def test_gradient_changes_neither_buffers_nor_weights(name):
    method = build(CASES[name])
    before = state_of(method)
    method.loss(batch(method), step()).total.backward()
    assert changed(before, method) == set()


@every_method
def test_commit_changes_the_buffers_that_writes_name_and_no_others(name):
    method = build(CASES[name])
    before, outcome = state_of(method), method.loss(batch(method), step())
    named = set().union(*map(named_by, outcome.writes))
    method.commit(outcome.writes)
    weights = dict(method.named_parameters())  # did not move, so that copies have nothing to follow
    torch.testing.assert_close(weights, {name: before[name] for name in weights})  # but for the rounding of a length
    assert changed(before, method) - set(weights) == named - copies(method)
    assert named <= {name for name, _ in method.named_buffers()}
    assert all(not value.requires_grad for _, value in method.named_buffers())
    running = {name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert running - frozen(method) <= named
    assert not frozen(method) & named


def momentum_copies(method):
    """(name, copy) of each; `key_x` and `target_x` are copies of `x`."""
    return [(name, module) for name, module in method.named_modules() if isinstance(module, MomentumCopy)]


FOLLOWED = CASES | {"dualvar-moco": replace(CASES["dualvar"], method=replace(CASES["dualvar"].method, base="moco"))}
COPIES = [(case, name) for case, recipe in FOLLOWED.items() for name, _ in momentum_copies(build(recipe))]


def test_every_method_that_learns_from_a_copy_is_among_them():
    assert {case for case, _ in COPIES} == {"dualvar-moco", "moco", "byol", "coclr", "rspnet"}


@pytest.mark.parametrize(("case", "name"), COPIES)
def test_every_copy_follows_its_module_by_one_share_after_each_step(case, name):
    method = build(FOLLOWED[case])
    outcome = method.loss(batch(method), step())
    copied, module = method.get_submodule(name), method.get_submodule(name.split("_", 1)[1])
    before = {key: value.clone() for key, value in copied.weights().items()}
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 1
    method.commit(outcome.writes)
    share = 1 - method.config.momentum  # at the start, if it rises
    for key, parameter in module.named_parameters():
        expected = before[key].lerp(parameter.detach(), share)
        torch.testing.assert_close(copied.weights()[key], expected)
        assert not torch.equal(copied.weights()[key], before[key])


@pytest.mark.parametrize(("case", "name"), COPIES)
def test_the_loss_depends_on_the_weights_of_every_copy(case, name):
    method = build(FOLLOWED[case])
    given = batch(method)
    before = method.loss(given, step()).total
    rng = generator("elsewhere")
    for value in method.get_submodule(name).weights().values():
        value += 0.5 * torch.randn(value.shape, generator=rng)
    assert not torch.allclose(method.loss(given, step()).total, before, rtol=1e-3)


@with_banks
def test_commit_writes_the_rows_of_the_batchs_videos_alone(name):
    method = build(CASES[name])
    given, before = batch(method), state_of(method)
    method.commit(method.loss(given, step()).writes)
    for buffer in [f"banks.{row}" for row, value in method.banks.named_buffers() if value.dim() == 2]:
        moved = (before[buffer] != method.get_buffer(buffer)).any(dim=1).nonzero()[:, 0]
        assert moved.tolist() == sorted(given.video.tolist())
        torch.testing.assert_close(method.get_buffer(buffer)[moved].norm(dim=1), torch.ones(len(moved)))


@with_banks
def test_a_later_write_wins(name):
    from kinema.batch import Write

    method = build(CASES[name])
    row = torch.tensor([3])
    first, second = (torch.full((1, method.banks.rgb.shape[1]), value) for value in (1.0, 2.0))
    method.commit([Write("banks.rgb", first, row), Write("banks.rgb", second, row)])
    assert torch.equal(method.banks.rgb[row], second)


@every_method
def test_state_dict_round_trips_through_a_file(name):
    method, other = build(CASES[name]), build(replace(CASES[name], train=replace(CASES[name].train, seed=1)))
    given = batch(method)
    method.commit(method.loss(given, step()).writes)
    file = io.BytesIO()
    torch.save(method.state_dict(), file)
    file.seek(0)
    assert not torch.equal(method.loss(given, step(1)).total, other.loss(given, step(1)).total)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(method.loss(given, step(1)).total, other.loss(given, step(1)).total)


@every_method
def test_weights_and_banks_depend_on_the_seed_alone(name):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = state_of(build(CASES[name]))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert changed(first, build(CASES[name])) == set()
    other = changed(first, build(replace(CASES[name], train=replace(CASES[name].train, seed=1))))
    assert "backbone.conv1.temporal_spatial_conv.weight" in other
    assert {key for key in first if key in ("banks.rgb", "queue.keys")} <= other


@every_method
def test_a_network_that_knows_nothing_has_the_loss_of_chance(name):
    """With all weights zero, to one part in 100,000; of pairs it knows how many are of one video, as chance does."""
    method = build(CASES[name])
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.zero_()
        if hasattr(method, "pair_score"):
            list(method.pair_score.parameters())[-1].fill_(-math.log(3))  # 4 of 16
    chance, terms = method.chance(), method.loss(batch(method), step(lr=0)).terms
    assert {term: float(terms[term]) for term in chance} == pytest.approx(chance, rel=1e-5)
    assert all(value > 0 for value in chance.values())


CLASSIFIERS = ("rotation", "puzzle", "turned", "rate", "order", "cloze", "pace", "speed", "binary")
"""Terms of the log whose answers come from a fresh layer; a contrast's begin above chance, as its rows are random."""


@pytest.mark.parametrize(
    ("name", "term"),
    [
        (name, term)
        for name, recipe in CASES.items()
        for term in build(recipe).chance()
        if term in CLASSIFIERS and name != "rspnet"  # its speed is a ranking
    ],
)
def test_a_fresh_classifier_is_near_chance(name, term):
    """A fifth above it or below, over eight seeds."""
    found = []
    for seed in range(8):
        method = build(replace(CASES[name], train=replace(CASES[name].train, seed=seed)))
        found.append(float(method.loss(batch(method, seed=seed), step(seed)).terms[term]))
    assert sum(found) / len(found) == pytest.approx(method.chance()[term], rel=0.2)


@every_method
def test_a_few_steps_on_one_batch_lower_its_loss(name):
    method = build(CASES[name])
    given = batch(method)
    # Dot products of vectors that are not of unit length make a steep loss.
    optim = torch.optim.SGD(method.parameters(), lr=3e-4 if name in ("dpc", "memdpc") else 0.05)
    longest = method.recipe.optim.clip_grad or float("inf")
    losses = []
    for _ in range(8):
        outcome = method.loss(given, step(3))  # one step's randomness, so that the losses can be compared
        losses.append(outcome.total.item())
        optim.zero_grad()
        outcome.total.backward()
        torch.nn.utils.clip_grad_norm_(method.parameters(), longest)
        optim.step()
    assert losses[-1] < 0.9 * losses[0]


@every_method
def test_bf16_autocast_gives_nearly_the_same_loss(name):
    method = build(CASES[name])
    given = batch(method).rows(0, BATCH)
    with torch.no_grad():
        plain = method(given, step())
        with torch.autocast("cpu", torch.bfloat16):
            mixed = method(given, step())
    assert mixed.total.dtype == torch.float32
    torch.testing.assert_close(mixed.total, plain.total, rtol=0.1, atol=0)


@every_method
@in_bf16
def test_bf16_gradient_points_where_float32s_does(name):
    recipe = CASES[name]
    if name == "mcn":  # at untrained weights its first-order gradient turns where weights move by a thousandth
        recipe = replace(recipe, method=replace(recipe.method, meta=replace(recipe.method.meta, order=0)))
    (plain, _), (rounded, _) = stepped(recipe, mixed=False), stepped(recipe, mixed=True)
    assert torch.cosine_similarity(plain, rounded, dim=0) > 0.5


@every_method
@in_bf16
def test_recomputed_activations_give_the_same_gradient_in_bf16(name):
    recipe = CASES[name]
    again = replace(recipe, train=replace(recipe.train, checkpoint_activations=True))
    (kept, loss), (recomputed, same) = stepped(recipe, mixed=True), stepped(again, mixed=True)
    close = (
        0.95 if name == "mcn" else 0.9999
    )  # its stages are taken at weights that the inner gradient's rounding moves
    assert torch.cosine_similarity(kept, recomputed, dim=0) > close
    assert name == "mcn" or torch.equal(loss, same)


@in_bf16
def test_both_forms_of_second_order_agree_in_bf16():
    def at(form):
        meta = replace(CASES["mcn"].method.meta, order=2, form=form)
        return stepped(replace(CASES["mcn"], method=replace(CASES["mcn"].method, meta=meta)), mixed=True)

    (graph, loss), (hvp, same) = at("graph"), at("hvp")
    assert torch.equal(loss, same)
    assert torch.cosine_similarity(graph, hvp, dim=0) > 0.99


def stepped(recipe, *, mixed):
    """The whole gradient of a step from the first weights, in bf16 or not, and its loss."""
    method = build(recipe)
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        loss = method.loss(batch(method), step()).total
    loss.backward()
    slopes = [parameter.grad for parameter in method.parameters() if parameter.grad is not None]
    assert {slope.dtype for slope in slopes} == {torch.float32}
    return torch.cat([slope.flatten() for slope in slopes]), loss.detach()


@every_method
def test_every_convolution_is_the_one_with_right_gradients_in_bf16(name):
    convolutions = [each for each in build(CASES[name]).modules() if isinstance(each, torch.nn.Conv3d)]
    assert convolutions
    assert {type(each) for each in convolutions} == {Conv3d}


@every_method
def test_fewer_videos_than_a_batch_are_refused(name):
    with pytest.raises(UsageError, match="3 videos do not fill one batch of 4"):
        check_batch_size(3, BATCH, build(CASES[name], videos=3).split)


def is_about_what_is_not_there(method, path, value):
    """Whether a choice concerns a bank or a memory that the method does not have with its settings."""
    return (path == ("meta", "negatives") and value != "all" and not method.has_bank) or (
        path == ("meta", "bank_update") and value != "both" and not method.remembers
    )


ALL_OPTIONS = [(name, path, value) for name, recipe in CASES.items() for path, value in options(recipe.method)]
REFUSED = [each for each in ALL_OPTIONS if is_about_what_is_not_there(CASES[each[0]].method, *each[1:])]
EVERY_OPTION = [
    pytest.param(name, path, value, id=f"{name}-{'.'.join(path)}={value}")
    for name, path, value in ALL_OPTIONS
    if (name, path, value) not in REFUSED
]


@pytest.mark.parametrize(("name", "path", "value"), REFUSED)
def test_choices_about_a_memory_are_refused_where_there_is_none(name, path, value):
    with pytest.raises(UsageError, match="leave it at"):
        with_option(CASES[name].method, path, value)


@pytest.mark.parametrize(("name", "path", "value"), EVERY_OPTION)
def test_every_choice_makes_a_step_with_a_finite_loss(name, path, value):
    method = build(replace(CASES[name], method=with_option(CASES[name].method, path, value)))
    given, before = batch(method), state_of(method)
    outcome = method.loss(given, step())
    outcome.total.backward()
    assert torch.isfinite(outcome.total)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.grad is not None)
    assert all(p.grad is not None for p in method.backbone.parameters())
    assert changed(before, method) == set()
    method.commit(outcome.writes)
    assert torch.isfinite(method.loss(batch(method, seed=1), step(1)).total)


def test_choices_are_found_in_nested_settings():
    paths = {".".join(path) for _, path, _ in (param.values for param in EVERY_OPTION)}
    assert {"meta.order", "pairs.grid", "views.last_residual", "contrast.form", "contrast.exclude_self"} <= paths


def test_cases_are_small_enough_to_be_quick():
    assert max(sum(p.numel() for p in build(recipe).parameters()) for recipe in CASES.values()) < 200_000
    assert VIDEOS >= 2 * BATCH
