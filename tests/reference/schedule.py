"""Learning rates, from the whole course instead of one step."""

import numpy as np


def multistep(lr, gamma, milestones, steps):
    """[steps]: lr, multiplied by gamma from each milestone (a share of all steps) on."""
    course = np.full(steps, lr)
    for milestone in milestones:
        course[int(np.ceil(milestone * steps - 1e-9)) :] *= gamma
    return course


def cosine(lr, steps):
    """[steps]: half a cosine from lr towards zero."""
    return lr * 0.5 * (1 + np.cos(np.linspace(0, np.pi, steps + 1)))[:-1]
