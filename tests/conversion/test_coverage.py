"""Which tensor goes where: every published layout is covered wholly, and by one network only."""

import pytest

from kinema.conversion.coverage import COUNTER, cover, prefix_of
from kinema.conversion.families import FAMILIES, find
from kinema.conversion.family import Layout
from kinema.conversion.names import prp_c3d, s3d_of_coclr
from reference import checkpoints as files
from reference.checkpoints import hollow

THIRTY_FOUR = (3, 4, 6, 3)

PUBLISHED = [
    ("coclr", "s3d_coclr", files.coclr()),
    ("coclr", "s3dg", files.coclr(gating=True)),
    ("dualvar", "r2plus1d_vcop", files.dualvar(files.vcop(split=True), 512, moco=False)),
    ("dualvar", "r3d_vcop", files.dualvar(files.vcop(), 512, moco=True)),
    ("dualvar", "s3d_coclr", files.dualvar(files.s3d(), 1024, moco=True)),
    ("gdt", "r2plus1d_18", files.gdt()),
    ("iic", "r3d_vcop", files.vcop()),
    ("iic", "r2plus1d_vcop", files.under("module.", files.vcop(split=True))),
    ("iic", "c3d", files.c3d()),
    ("iic", "r3d_18", files.torchvision_resnet() | files.linear("fc", 400, 512)),
    ("iic", "r3d_18", files.under("base_network.", files.children_of_resnet()) | files.projector()),
    ("iic", "s3d_coclr", files.under("module.", files.under("base_network.", files.s3d()) | files.projector(1024))),
    ("memdpc", "r2d3d_18", files.memdpc()),
    ("memdpc", "r2d3d_34", files.memdpc(THIRTY_FOUR)),
    ("pace", "r2plus1d_vcop", files.vcop(split=True) | files.linear("linear", 4, 512)),
    ("pace", "c3d", files.under("module.", files.c3d() | files.linear("linear", 4, 512))),
    ("pcl", "r3d_vcop", files.pcl_vcp(files.vcop())),
    ("pcl", "r2plus1d_18", files.pcl_video_net(files.children_of_resnet(split=True))),
    ("prp", "r3d_vcop", files.prp(files.vcop())),
    ("prp", "c3d", files.prp(files.c3d_of_prp())),
    ("rspnet", "c3d", files.rspnet(files.c3d())),
    ("rspnet", "r2plus1d_vcop", files.rspnet(files.vcop(split=True))),
    ("rspnet", "r2plus1d_18", files.rspnet(files.under("base_network.", files.children_of_resnet(split=True)))),
    (
        "rspnet",
        "r2plus1d_18",
        files.under("encoder.base_network.", files.children_of_resnet(split=True)) | files.linear("fc", 101, 512),
    ),
    ("selavi", "r2plus1d_18", files.under("module.", files.gdt(heads=range(10)))),
    ("tclr", "r3d_18_tclr", files.tclr()),
    ("torchvision", "r3d_18", files.torchvision_resnet() | files.linear("fc", 400, 512)),
    ("torchvision", "r2plus1d_18", files.torchvision_resnet(split=True) | files.linear("fc", 400, 512)),
    ("vcop", "c3d", files.vcopn(files.c3d())),
    ("vcop", "r3d_vcop", files.vcopn(files.vcop())),
    ("vcop", "r2plus1d_vcop", files.vcop(split=True) | files.linear("linear", 101, 512)),
    ("videomoco", "r2plus1d_18", files.videomoco(files.torchvision_resnet(split=True))),
]


@pytest.mark.parametrize(("family", "backbone", "shapes"), PUBLISHED)
def test_published_file_covers_one_network_wholly_and_every_tensor_is_accounted_for(family, backbone, shapes):
    tensors = hollow(shapes)
    found = [cover(tensors, FAMILIES[family], layout) for layout in FAMILIES[family].layouts]
    whole = [each for each in found if not each.problems]
    assert [each.layout.backbone for each in whole] == [backbone]
    assert set(whole[0].sources) == set(whole[0].shapes)
    assert sorted([*whole[0].sources.values(), *whole[0].unused]) == sorted(tensors)
    assert all(whole[0].unused.values())


def test_every_family_has_a_published_file_here_or_a_test_of_its_own():
    assert {family for family, _, _ in PUBLISHED} | {"dpc"} == set(FAMILIES)


@pytest.mark.parametrize(("backbone", "shapes"), [("r2d3d_18", files.dpc()), ("r2d3d_34", files.dpc(THIRTY_FOUR))])
def test_dpc_lacks_running_statistics_and_nothing_else(backbone, shapes):
    family = FAMILIES["dpc"]
    best = min((cover(hollow(shapes), family, layout) for layout in family.layouts), key=lambda each: each.problems)
    assert best.layout.backbone == backbone
    assert {name.split(".")[-1] for name in best.missing} == {"running_mean", "running_var"}
    assert best.unplaced == {}


def test_larger_network_is_not_taken_for_a_smaller_one_that_it_contains():
    found = cover(hollow(files.memdpc(THIRTY_FOUR)), FAMILIES["memdpc"], FAMILIES["memdpc"].layouts[0])
    assert found.missing == []
    assert set(found.unplaced.values()) == {"has no place in r2d3d_18"}
    two_blocks = cover(hollow(files.vcopn(files.vcop(blocks=2))), FAMILIES["vcop"], FAMILIES["vcop"].layouts[0])
    assert two_blocks.missing == []
    assert "base_network.conv2.blocks.0.conv1.temporal_spatial_conv.weight" in two_blocks.unplaced


def test_absent_counters_are_no_gap_but_anything_else_is():
    shapes = files.vcopn(files.vcop())
    old = {name: shape for name, shape in shapes.items() if not name.endswith(COUNTER)}
    family = FAMILIES["vcop"]
    found = cover(hollow(old), family, family.layouts[0])
    assert found.problems == 0
    assert all(name.endswith(COUNTER) for name in found.left)
    del old["base_network.conv3.block1.bn2.weight"]
    found = cover(hollow(old), family, family.layouts[0])
    assert found.missing == ["conv3.block1.bn2.weight"]
    assert "conv3.block1.bn2.weight is not in it" in found.lacks()


def test_what_may_be_left_is_left_on_either_side():
    shapes = files.vcopn(files.vcop()) | {"base_network.extra.weight": (3,)}
    del shapes["base_network.bn1.bias"]
    family = FAMILIES["vcop"]
    assert cover(hollow(shapes), family, family.layouts[0]).problems == 2
    found = cover(hollow(shapes), family, family.layouts[0], ["bn1.*", "*extra*"])
    assert found.problems == 0
    assert found.left == ["bn1.bias"]
    assert "left" in found.unused["base_network.extra.weight"]


def test_wrong_shape_is_refused_by_both_shapes():
    shapes = files.vcopn(files.vcop()) | {"base_network.bn1.bias": (32,)}
    found = cover(hollow(shapes), FAMILIES["vcop"], FAMILIES["vcop"].layouts[0])
    assert found.unplaced == {"base_network.bn1.bias": "is [32], not [64]"}
    assert found.missing == ["bn1.bias"]


def test_two_names_of_one_tensor_have_to_agree():
    tensors = hollow(files.coclr())
    family = FAMILIES["coclr"]
    twin = "encoder_q.0.block3.1.branch0.0.bn.bias"
    assert "is the same as" in cover(tensors, family, family.layouts[0]).unused[twin]
    for other in (tensors[twin] + 1, tensors[twin].double()):
        assert "differs from" in cover(tensors | {twin: other}, family, family.layouts[0]).unplaced[twin]


def test_prefix_is_that_of_the_networks_that_are_trained():
    assert prefix_of(list(files.coclr()), FAMILIES["coclr"]) == "encoder_q.0."
    assert prefix_of(list(files.dpc()), FAMILIES["dpc"]) == "backbone."
    assert prefix_of(list(files.vcop()), FAMILIES["vcop"]) == ""
    assert prefix_of(list(files.vcop()), FAMILIES["coclr"]) is None


def test_names_of_no_tensor_stay_what_they_are():
    assert s3d_of_coclr("block3.7.conv.weight") == "block3.7.conv.weight"
    assert s3d_of_coclr("block2.x") == "block2.x"
    assert prp_c3d("conv3_1.weight") == "conv3_1.weight"


def test_data_parallel_within_data_parallel_puts_its_prefix_in_front_twice():
    family = find("vcop")
    once, twice = (
        hollow({f"{module}base_network.{name}": shape for name, shape in files.vcop().items()})
        for module in ("module.", "module.module.")
    )
    found = [cover(tensors, family, Layout("r3d_vcop")) for tensors in (once, twice)]
    assert [each.problems for each in found] == [0, 0]
    assert found[1].sources == {name: f"module.{source}" for name, source in found[0].sources.items()}
