import io

import torch
from PIL import Image, ImageColor

from kinema.evaluate.features import Features
from kinema.visualise.retrieval_figure import RIGHT, WRONG, retrieval_png
from kinema.visualise.retrieval_grid import Match

CLASSES = ("walk", "run")


def picture_of(path: str) -> torch.Tensor:
    return torch.full((16, 16, 3), 200, dtype=torch.uint8)


def drawn(right: list[bool], networks: int = 1, queries: int = 1) -> Image.Image:
    query = Features(torch.eye(2), torch.tensor([0, 1]), ("q0", "q1"), CLASSES)
    found = [[Match(f"g{n}", "walk", each, 0.5) for n, each in enumerate(right)]] * queries
    names = {f"network {n}": found for n in range(networks)}
    png = retrieval_png(query, list(range(queries)), names, picture_of, title="a title")
    return Image.open(io.BytesIO(png)).convert("RGB")


def pixels_of(picture: Image.Image, colour: str) -> int:
    wanted = torch.tensor(ImageColor.getrgb(colour), dtype=torch.uint8)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(-1, 3)
    return int((pixels == wanted).all(1).sum())


def test_neighbours_of_another_class_are_framed_in_red_and_others_in_green():
    one_of_each, all_right, all_wrong = drawn([True, False]), drawn([True, True]), drawn([False, False])
    frame = pixels_of(all_right, RIGHT) / 2
    assert frame > 4 * 100 * 2  # four sides of a picture of more than a hundred pixels
    assert pixels_of(all_right, WRONG) == pixels_of(all_wrong, RIGHT) == 0
    for colour in (RIGHT, WRONG):
        assert abs(pixels_of(one_of_each, colour) - frame) < 0.1 * frame


def test_every_network_and_every_query_has_its_row():
    one, networks, queries = drawn([True] * 3), drawn([True] * 3, networks=2), drawn([True] * 3, queries=2)
    assert one.width == networks.width == queries.width
    assert networks.height == queries.height > 1.7 * one.height
    assert pixels_of(networks, RIGHT) > 1.8 * pixels_of(one, RIGHT)
