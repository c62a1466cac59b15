import pytest
import torch

from kinema import backbones
from kinema.backbones.dilation import lengthen
from kinema.errors import UsageError

NETS = ["r3d_18", "r2plus1d_18", "r3d_vcop", "r2plus1d_vcop"]


def pair(name, **wanted):
    """A network in float64, and the same with a longer map."""
    torch.manual_seed(0)
    plain = backbones.build(name, 1 / 16).double().eval()
    longer = backbones.build(name, 1 / 16).double().eval()
    longer.load_state_dict(plain.state_dict())
    lengthen(longer, **wanted)
    return plain, longer


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("frames", "steps"), [(16, 2), (16, 4), (16, 8), (8, 4), (7, 2), (4, 4)])
def test_map_has_as_many_steps_as_were_asked_for_and_the_plain_networks_among_them(name, frames, steps):
    plain, longer = pair(name, frames=frames, steps=steps)
    clip = torch.rand(2, 3, frames, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        short, long = plain.maps(clip), longer.maps(clip)
    assert long.shape[2] == steps
    taken = plain.stride[0] // longer.stride[0]
    torch.testing.assert_close(long[:, :, ::taken], short)
    assert taken == 1 or not torch.equal(long[:, :, 1], long[:, :, 0])


def test_number_of_steps_that_cannot_be_had_is_refused_with_those_that_can():
    with pytest.raises(UsageError, match="cannot have 3 time steps in this backbone: it offers 1, 2, 4, 8"):
        lengthen(backbones.build("r3d_vcop", 1 / 16), frames=8, steps=3)


def test_network_whose_strides_are_poolings_offers_what_it_has():
    with pytest.raises(UsageError, match="it offers 2;"):
        lengthen(backbones.build("s3d", 1 / 16), frames=16, steps=4)
