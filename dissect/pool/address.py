"""Where a cluster is, for the processes of a run: in their environment."""

import os

from dissect.environment import seconds

CLUSTER = "DISSECT_CLUSTER"  # the scheduler's address, such as tcp://host:8786
WAIT = "DISSECT_CLUSTER_WAIT"  # seconds that work waits while there is no worker
SEEN = "DISSECT_CLUSTER_SEEN"  # files and folders that workers must see, too
USUAL = 60.0
PASSED_ON = ("DISSECT_DEVICE", "DISSECT_PRECISION", "DISSECT_DATA", "NLTK_DATA")  # to workers


def wait() -> float:
    """Seconds that work waits for a worker: the setting DISSECT_CLUSTER_WAIT, else 60.

    Raises:
        DissectError: The setting is no positive number.
    """
    return seconds(WAIT, USUAL)


def passed_on() -> dict[str, str]:
    """What workers are told of this process's environment."""
    return {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}


def seen() -> list[str]:
    """Files and folders that workers must see, too; the one that we work in is among them."""
    named = [os.getcwd()] + os.environ.get(SEEN, "").split(os.pathsep) + [os.environ.get("DISSECT_DATA", "")]
    return [os.path.abspath(place) for place in named if place]
