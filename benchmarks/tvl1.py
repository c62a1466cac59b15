"""TV-L1 here against OpenCV's on real clips: agreement, and fields a CPU second on one thread.

python benchmarks/tvl1.py VIDEO...      (needs opencv-contrib-python-headless)

"OpenCV, disturbed" is OpenCV against itself after the same noise of 0.01 grey levels was added to both frames.
"""

from __future__ import annotations

import platform
import sys
import time

import cv2
import numpy as np
import torch

from kinema.data.decode import open_video
from kinema.data.fitting import fit
from kinema.data.flow import grey, tvl1

PAIRS, SIDE, BATCH = 16, 128, 4


def opencv(first, second):
    algorithm = cv2.optflow.DualTVL1OpticalFlow_create()
    fields = [algorithm.calc(one, other, None) for one, other in zip(first, second, strict=True)]
    return torch.from_numpy(np.stack(fields)).permute(0, 3, 1, 2)


def ours(first, second):
    pairs = zip(first.split(BATCH), second.split(BATCH), strict=True)
    return torch.cat([tvl1(one, other) for one, other in pairs])


def timed(call, *frames):
    started = time.process_time()
    flow = call(*frames)
    return flow, len(flow) / (time.process_time() - started)


def agreement(found, truth):
    distance = (found - truth).norm(dim=1)
    corr = [torch.corrcoef(torch.stack([found[:, c].flatten(), truth[:, c].flatten()]))[0, 1] for c in (0, 1)]
    return f"{distance.mean():.4f} | {distance.flatten()[::7].quantile(0.99):.3f} | {corr[0]:.4f} | {corr[1]:.4f}"


def disturbed(frames):
    noise = 0.01 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    return ((frames + noise) / 255).numpy()


def main(paths):
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    tvl1(torch.rand(1, 40, 40) * 255, torch.rand(1, 40, 40) * 255)  # what is compiled is compiled now
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, OpenCV {cv2.__version__}\n")
    print("| clip | size | mean length | what | mean distance | 99 % | corr. u | corr. v | fields / CPU s |")
    print("| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    for path in paths:
        with open_video(path) as reader:
            frames = grey(fit(reader.at(range(min(PAIRS + 1, reader.num_frames))), SIDE))
        first, second = frames[:-1], frames[1:]
        truth, speed = timed(opencv, first.numpy(), second.numpy())
        flow, own_speed = timed(ours, first, second)
        again = opencv(disturbed(first), disturbed(second))
        clip = f"{path} | {frames.shape[2]} x {frames.shape[1]} | {truth.norm(dim=1).mean():.2f}"
        print(f"| {clip} | kinema | {agreement(flow, truth)} | {own_speed:.1f} |")
        print(f"| | | | OpenCV, disturbed | {agreement(again, truth)} | {speed:.1f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
