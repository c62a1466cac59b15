"""A rank that ends in the middle of an exchange: run as a program by the tests, as several processes.

python ending.py HOW RANK     HOW that rank ends: killed, stopped, or by an error
"""

import os
import signal
import sys

import torch

from kinema import distributed
from kinema.errors import KinemaError, Stopped


def main(how, who):
    try:
        with distributed.joined(torch.device("cpu")) as place:
            distributed.largest(0)  # all are there
            if place.rank == int(who):
                if how == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                if how == "stopped":
                    raise Stopped("stopped by SIGTERM")
                raise RuntimeError("two shapes\ndo not fit")
            distributed.averaged([torch.ones(3)])
    except KinemaError as problem:
        print(f"explained: {problem}")
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
