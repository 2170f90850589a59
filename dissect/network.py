"""A network that accepts and stays silent is given up after a while; one that is only slow is not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils import _http

from dissect.environment import seconds
from dissect.errors import SilentNetwork

PATIENCE = "DISSECT_PATIENCE"  # seconds of silence after which a network is given up
USUAL = 30.0
REMEMBERED = 60  # seconds in which a host that was given up is not asked again

given_up: dict[str, float] = {}  # hosts, and when


def patience() -> float:
    """Seconds without a byte after which a host is given up: the setting DISSECT_PATIENCE, else 30.

    Raises:
        DissectError: The setting is no positive number.
    """
    return seconds(PATIENCE, USUAL)


def refuse_silent(url: str) -> None:
    """Raises `SilentNetwork` for a host that was given up a moment ago."""
    host = urlsplit(url).netloc
    if time.monotonic() - given_up.get(host, -REMEMBERED) < REMEMBERED:
        raise SilentNetwork(
            f"{host} has not answered for {patience():.0f} s: look after the network, or give what is on "
            "this machine; HF_HUB_OFFLINE=1 takes models from the cache alone"
        )


def give_up(url: str) -> None:
    """Remember that a host is silent."""
    given_up[urlsplit(url).netloc] = time.monotonic()


class Watch:
    """Gives a host up that has been silent for so long, however often it is asked again."""

    def __init__(self) -> None:
        self.limit = patience()
        self.unanswered: float | None = None  # since when
        self.silent = ""  # the address at which it was given up

    def request(self, request: Any) -> None:
        """Before each request: raises `SilentNetwork`, or shortens its time limits."""
        now = time.monotonic()
        self.unanswered = now if self.unanswered is None else self.unanswered
        left = self.limit - (now - self.unanswered)
        if left <= 0:
            give_up(str(request.url))
        self.silent = str(request.url)
        refuse_silent(self.silent)
        self.silent = ""
        most = min(left, self.limit / 3)  # a connection that was lost deserves another trial
        asked = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            kind: min(most, asked.get(kind) or most) for kind in ("connect", "read", "write", "pool")
        }

    def response(self, response: Any) -> None:
        """At each answer: one without contents counts at once, others with each piece that comes."""
        if response.request.method == "HEAD" or response.status_code >= 300:
            self.unanswered = None
        pieces = response.iter_raw

        def counted(*arguments: Any, **options: Any) -> Iterator[bytes]:
            for piece in pieces(*arguments, **options):
                self.unanswered = None
                yield piece

        response.iter_raw = counted


@contextmanager
def watched() -> Iterator[None]:
    """Within the block, the model hub is given up when it stays silent; then it raises `SilentNetwork`."""
    before, xet = _http._GLOBAL_CLIENT_FACTORY, constants.HF_HUB_DISABLE_XET
    watch = Watch()

    def client() -> Any:
        made = before()
        hooks = made.event_hooks
        made.event_hooks = {
            "request": [*hooks["request"], watch.request],
            "response": [*hooks["response"], watch.response],
        }
        return made

    set_client_factory(client)
    constants.HF_HUB_DISABLE_XET = True  # which waits by rules of its own
    try:
        yield
    except Exception:
        refuse_silent(watch.silent)  # callers may have made something else of it
        raise
    finally:
        constants.HF_HUB_DISABLE_XET = xet
        set_client_factory(before)
