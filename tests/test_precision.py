import pytest
import torch

from kinema import precision
from kinema.backbones.convolution import Conv3d
from kinema.errors import UsageError
from kinema.precision import gradients_are_right, has_bf16, mixed

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def looked_anew():
    gradients_are_right.cache_clear()
    yield
    gradients_are_right.cache_clear()


def test_precision_is_mixed_on_a_gpu_or_when_asked_for():
    assert [mixed("auto", device) for device in (CPU, GPU)] == [False, True]
    assert [mixed("32-true", device) for device in (CPU, GPU)] == [False, False]
    assert mixed("bf16-mixed", GPU)


@pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")
def test_mixed_precision_on_a_cpu_is_to_be_had_where_it_has_instructions_for_it(looked_anew):
    torch.manual_seed(0)
    assert mixed("bf16-mixed", CPU)
    drawn = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(3))  # looking used up nothing of the run's chance


@pytest.mark.parametrize("capability, hip, able", [((7, 5), None, False), ((8, 0), None, True), ((7, 0), "6.4", True)])
def test_a_gpu_that_only_imitates_bf16_computes_in_float32_and_refuses_what_would_be_slower(
    capability, hip, able, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", hip)
    assert mixed("auto", GPU) is able
    if able:
        assert mixed("bf16-mixed", GPU)
    else:
        with pytest.raises(UsageError, match=r"^--precision bf16-mixed needs a GPU of compute capability 8\.0:"):
            mixed("bf16-mixed", GPU, "--precision")


def test_mixed_precision_on_a_cpu_that_would_be_slower_by_it_is_refused_by_the_flag_that_asked_for_it(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    with pytest.raises(UsageError, match=r"^--finetune\.precision bf16-mixed needs a GPU, or a CPU with AVX-512 BF16"):
        mixed("bf16-mixed", CPU, "--finetune.precision")


@pytest.mark.parametrize("wrong", [torch.zeros_like, lambda x: torch.full_like(x, torch.nan)])
def test_mixed_precision_on_a_cpu_with_wrong_gradients_is_refused(wrong, monkeypatch, looked_anew):
    def forward(self, x, weight, bias):
        y = torch.nn.functional.conv3d(x, weight, bias, self.stride, self.padding)
        if torch.is_autocast_enabled("cpu"):
            y.register_hook(wrong)
        return y

    monkeypatch.setattr(precision, "has_bf16", lambda: True)
    monkeypatch.setattr(Conv3d, "_conv_forward", forward)
    with pytest.raises(UsageError, match=r"^--train\.precision bf16-mixed: torch .* gets gradients wrong here"):
        mixed("bf16-mixed", CPU)
