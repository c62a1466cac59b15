"""`torch.hub.load` of this repository, as it lies here."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import kinema
from kinema import backbones
from kinema.errors import UsageError

ROOT = Path(__file__).parents[2]


def hub(name, *args, **how):
    return torch.hub.load(str(ROOT), name, *args, source="local", **how)


def test_every_backbone_has_an_entry_that_explains_itself():
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("own", ROOT / "hubconf.py"))
    spec.loader.exec_module(module)
    entries = {name: each for name, each in vars(module).items() if callable(each) and not name.startswith("_")}
    assert set(entries) - {"Path"} == {"encoder", *backbones.BACKBONES}
    assert backbones.BACKBONES["s3dg"].description in entries["s3dg"].__doc__
    assert all(importlib.util.find_spec(each) for each in module.dependencies)


def test_a_fresh_backbone_is_the_one_of_kinema():
    torch.manual_seed(0)
    found = hub("r2plus1d_18", width=0.125).state_dict()
    torch.manual_seed(0)
    expected = backbones.build("r2plus1d_18", 0.125).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_trained_weights_come_from_an_exported_folder(exported):
    frames = torch.randint(0, 256, (1, 4, 32, 32, 3), dtype=torch.uint8)
    encoder = hub("encoder", str(exported), view="residual")
    assert torch.equal(encoder(frames), kinema.load(exported, view="residual")(frames))
    network = hub("r3d_vcop", weights=str(exported))
    assert not network.training
    pixels = frames.permute(0, 4, 1, 2, 3).float() / 255
    with torch.no_grad():
        assert torch.equal(network(pixels), kinema.load(exported, view="rgb")(frames))
    with pytest.raises(UsageError, match=r"holds r3d_vcop at width 0\.0625, and r3d_18 was asked for"):
        hub("r3d_18", weights=str(exported))
    with pytest.raises(UsageError, match=r"and r3d_vcop at width 1 was asked for"):
        hub("r3d_vcop", weights=str(exported), width=1)


def test_the_checkout_is_what_is_loaded_wherever_one_stands(tmp_path):
    code = (
        "import sys, torch\n"
        f"network = torch.hub.load({str(ROOT)!r}, 'r3d_vcop', source='local', width=0.0625)\n"
        "print(type(network).__module__, sys.modules['kinema'].__file__)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["kinema.backbones.vcop", str(ROOT / "src" / "kinema" / "__init__.py")]
