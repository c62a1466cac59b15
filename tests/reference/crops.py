"""The field's random-resized crop, for one clip at a time and with a generator of its own."""

import numpy as np


def random_crop(height, width, area_range, aspect_range, rng):
    """(top, left, height, width): the first of ten tries that fits into the frame; else the whole frame, cut to an
    allowed aspect."""
    for _ in range(10):
        area = rng.uniform(*area_range) * height * width
        aspect = np.exp(rng.uniform(np.log(aspect_range[0]), np.log(aspect_range[1])))  # width : height
        w = np.sqrt(area * aspect)
        h = area / w
        if w <= width and h <= height:
            break
    else:
        w, h = width, height
        if width / height < aspect_range[0]:
            h = w / aspect_range[0]
        elif width / height > aspect_range[1]:
            w = h * aspect_range[1]
    return rng.uniform(0, height - h), rng.uniform(0, width - w), h, w
