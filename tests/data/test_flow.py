"""TV-L1 against motion that is known, and against OpenCV, which defines the numbers."""

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kinema.batch import generator
from kinema.data import flow, flow_compiled
from kinema.data.decode import open_video
from kinema.data.median import median


@pytest.fixture(autouse=True, params=["torch", "compiled"])
def loops(request, monkeypatch):
    """Every test with the loops in torch, as on a GPU, and as compiled for a CPU."""
    if request.param == "compiled":
        pytest.importorskip("numba")
    else:
        monkeypatch.setattr(flow, "kernels", lambda: None)
    return request.param


def texture(*size):
    """Smooth noise of grey levels 0 to 255, float [*size]: no two places look alike."""
    noise = torch.rand(1, 1, *size, generator=generator("texture"))
    for _ in range(3):
        noise = F.avg_pool2d(F.pad(noise, (3, 3, 3, 3), mode="replicate"), 7, 1)
    noise -= noise.min()
    return (noise / noise.max() * 255)[0, 0]


def moved(picture, right, down):
    """What a camera sees when the picture has moved by so many pixels, by Fourier shift; [H - 32, W - 32]."""
    frequency = [torch.fft.fftfreq(size)[(...,) + (None,) * (1 - axis)] for axis, size in enumerate(picture.shape)]
    turn = torch.exp(-2j * torch.pi * (frequency[0] * down + frequency[1] * right))
    return torch.fft.ifft2(torch.fft.fft2(picture) * turn).real[16:-16, 16:-16]


def inner(field):
    """Without the margin from or to which a point may have left the picture."""
    return field[..., 10:-10, 10:-10]


@pytest.mark.parametrize("motion", [(0.0, 1.0), (-2.0, 0.0), (1.5, -0.5), (3.25, 4.0), (-5.0, 2.5)])
def test_known_translation_is_recovered(motion):
    picture = texture(96, 112)
    found = flow.tvl1(moved(picture, 0, 0)[None], moved(picture, *motion)[None])
    assert found.shape == (1, 2, 64, 80)
    error = inner(found[0] - torch.tensor(motion)[:, None, None]).norm(dim=0)
    assert error.mean() < 0.05
    assert error.quantile(0.95) < 0.15


def test_u_is_to_the_right_and_v_down():
    frame = torch.zeros(1, 48, 48)
    frame[:, 16:32, 16:32] = texture(16, 16)
    for right, down in ((2, 0), (0, 2)):
        u, v = flow.tvl1(frame, frame.roll((down, right), (1, 2)))[0, :, 20:28, 20:28].mean((1, 2)).tolist()
        assert (u, v) == pytest.approx((right, down), abs=0.3)


@pytest.mark.parametrize("size", [(64, 64), (53, 71), (128, 170)])
def test_picture_that_stands_still_has_no_flow(size):
    frame = texture(*size).round()[None]
    assert flow.tvl1(frame, frame).abs().max() < 1e-6


def test_flow_of_a_pair_does_not_depend_on_its_neighbours_in_the_batch():
    picture = texture(96, 90)
    frames = torch.stack([moved(picture, 0.4 * n, 0.3 * n * n) for n in range(6)])
    together = flow.tvl1(frames[:-1], frames[1:])
    for number in range(5):
        assert torch.equal(together[number], flow.tvl1(frames[number, None], frames[number + 1, None])[0])


def test_frames_may_be_bytes_or_floats():
    frames = torch.stack([moved(texture(80, 80), n, 0) for n in range(2)]).round().clamp(0, 255)
    small = flow.tvl1(frames[:1].to(torch.uint8), frames[1:].to(torch.uint8))
    assert torch.equal(small, flow.tvl1(frames[:1], frames[1:]))


@pytest.mark.parametrize("size", [(2, 3), (5, 40), (17, 16)])
def test_tiny_frames_have_flow_of_their_size(size):
    found = flow.tvl1(torch.zeros(2, *size), torch.full((2, *size), 9.0))
    assert found.shape == (2, 2, *size)
    assert found.isfinite().all()


def test_median_is_that_of_25_sorted_values():
    planes = torch.randint(0, 40, (2, 3, 11, 9), generator=generator("planes")).float()  # with equal values
    padded = F.pad(planes, (2, 2, 2, 2), mode="replicate")
    windows = padded.unfold(2, 5, 1).unfold(3, 5, 1).flatten(4)
    assert torch.equal(median(planes), windows.sort(dim=-1).values[..., 12])


def test_compiled_medians_are_the_same_to_the_bit():
    pytest.importorskip("numba")
    planes = torch.randn(2, 13, 21, generator=generator("planes"))
    padded, found = F.pad(planes, (2, 2, 2, 2), mode="replicate").numpy(), torch.empty_like(planes)
    for plane, out in zip(padded, found.numpy(), strict=True):
        flow_compiled.kernels().median_plane(plane, out, *flow_compiled.median_networks())
    assert torch.equal(found, median(planes))


def test_compiled_iterations_are_those_of_torch():
    pytest.importorskip("numba")
    rng = generator("iterations")
    shape = (2, 1, 14, 19)
    slope = torch.randn(shape, generator=rng)
    problem = flow.Linearised(slope, slope / 9, torch.randn(shape[1:], generator=rng) / 30)
    state = flow.State(torch.randn(shape, generator=rng), torch.zeros(2, 1, 14, 20), torch.zeros(2, 1, 15, 19))
    own = [value[:, 0].clone().numpy() for value in state]
    numbers = (np.float32(flow.LAMBDA * flow.THETA), np.float32(flow.THETA), np.float32(flow.TAU / flow.THETA))
    fixed = (problem.slope[:, 0].numpy(), problem.unit_slope[:, 0].numpy(), problem.unit_rest[0].numpy())
    rested = flow_compiled.kernels().relax(*own, *fixed, *numbers, 0.0, 5)
    for _ in range(5):
        after, moved = flow.iteration(problem, state)
        state = state._replace(flow=after)
    for value, ours in zip(state, own, strict=True):
        assert (value[:, 0] - torch.from_numpy(ours)).abs().max() < 2e-6
        assert value.abs().max() > 0.1
    assert not rested
    total = float(moved) * 14 * 19
    again = [value[:, 0].clone().numpy() for value in state]
    assert flow_compiled.kernels().relax(*again, *fixed, *numbers, 2 * total, 9), "it has come to rest"
    assert torch.from_numpy(again[0]).ne(state.flow[:, 0]).any()


def test_grey_has_the_weights_of_luma():
    frames = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 20, 30]], dtype=torch.uint8)
    assert flow.grey(frames[None]).tolist() == [[76, 150, 29, 255, 18]]


# ---- on real video, and against OpenCV ----

LEFT, RIGHT = (1.5, -0.75), (-1.0, 2.0)
"""Motions of the two halves of `sliding`, in pixels a frame."""


@pytest.fixture(scope="module")
def opencv():
    """`opencv(first, second)`: OpenCV's DualTVL1, by default at its defaults; float [B, 2, H, W] of grey [B, H, W]."""
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "optflow"):
        pytest.skip("OpenCV is here without its contributed modules: pip install opencv-contrib-python-headless")

    def run(first, second, **options):
        algorithm = cv2.optflow.DualTVL1OpticalFlow_create(**options)
        pairs = zip((first / 255).float().numpy(), (second / 255).float().numpy(), strict=True)
        return torch.from_numpy(np.stack([algorithm.calc(one, other, None) for one, other in pairs])).permute(
            0, 3, 1, 2
        )

    return run


def agreement(found, truth):
    """Mean distance of the ends of two flows in pixels, and the correlations of u and of v."""
    distance = (found - truth).norm(dim=1).mean()
    u, v = (torch.corrcoef(torch.stack([found[:, n].flatten(), truth[:, n].flatten()]))[0, 1] for n in range(2))
    return float(distance), float(u), float(v)


def disturbed(frames, seed):
    """The frames with noise of a hundredth of a grey level, which no camera or codec would keep."""
    return frames + 0.01 * torch.randn(frames.shape, generator=generator("noise", seed))


@pytest.fixture(scope="module")
def sliding(tmp_path_factory):
    """The frames [7, 64, 80] of a real encoded video whose left and right halves slide by `LEFT` and by `RIGHT`."""
    path = tmp_path_factory.mktemp("sliding") / "a.mp4"
    picture = texture(96, 112)
    left = torch.arange(80) < 40
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 80, 64, "yuv420p"
        for number in range(7):
            halves = (moved(picture, right * number, down * number) for right, down in (LEFT, RIGHT))
            pixels = torch.where(left, *halves).clamp(0, 255).byte()[:, :, None].expand(-1, -1, 3).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    with open_video(path) as reader:
        return flow.grey(reader.at(range(7)))


def test_flow_of_a_sliding_video_is_its_motion(sliding):
    found = flow.tvl1(sliding[:-1], sliding[1:])
    for half, motion in ((found[..., :40], LEFT), (found[..., 40:], RIGHT)):
        assert inner(half).mean((0, 2, 3)).tolist() == pytest.approx(motion, abs=0.05)


def test_flow_of_a_sliding_video_is_opencvs(sliding, opencv):
    found, truth = flow.tvl1(sliding[:-1], sliding[1:]), opencv(sliding[:-1], sliding[1:])
    distance, u, v = agreement(found, truth)
    assert distance < 0.02
    assert min(u, v) > 0.98


def test_one_warp_of_one_scale_is_opencvs_to_the_last_digits(sliding, opencv, monkeypatch):
    for name, value in (("SCALES", 1), ("WARPS", 1), ("OUTER", 1), ("EPSILON", 1e-9)):
        monkeypatch.setattr(flow, name, value)
    truth = opencv(sliding[:-1], sliding[1:], nscales=1, warps=1, outerIterations=1, epsilon=1e-9)
    distance = (flow.tvl1(sliding[:-1], sliding[1:]) - truth).norm(dim=1)
    assert distance.mean() < 1e-6
    assert distance.max() < 1e-4
    assert truth.abs().max() > 0.5


@pytest.mark.gpu
def test_a_gpu_finds_the_same_flow(sliding):
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    assert flow.fused_kernels() is not None, "torch for a GPU brings Triton along"
    found = flow.tvl1(sliding[:-1].cuda(), sliding[1:].cuda()).cpu()
    distance, u, v = agreement(found, flow.tvl1(sliding[:-1], sliding[1:]))
    assert distance < 0.02
    assert min(u, v) > 0.98


@pytest.mark.parametrize(
    "clip",
    [
        "mocap15/walk/te_000.mp4",
        "mocap15/backflip/te_003.mp4",
        "asl18/clips/B/jack_B_0000.mp4",
        "fight2/clips/fight/fi001.mp4",
    ],
)
def test_flow_of_real_video_agrees_with_opencv_as_opencv_with_itself(shared_data, opencv, clip):
    with open_video(shared_data / clip) as reader:
        frames = flow.grey(reader.at([4, 5, 9, 10]))
    first, second = frames[0::2], frames[1::2]
    truth = opencv(first, second)
    distance, u, v = agreement(flow.tvl1(first, second), truth)
    own_distance, *_ = agreement(opencv(disturbed(first, 0), disturbed(second, 1)), truth)
    assert distance < max(1.5 * own_distance, 0.01)
    assert distance < 0.06
    assert min(u, v) > 0.9
