"""What a claim is, what a run says of it, and the list of all, whose words are data."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import yaml

from dissect.report import published

VERDICTS = ("replicated", "partly", "not replicated", "not testable")


@dataclass(frozen=True)
class Verdict:
    """What a run says of a claim, and the numbers behind it, in words.

    Attributes:
        verdict: One of `VERDICTS`.
    """

    verdict: str
    numbers: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        name: As in claims.yaml.
        chapter: Where its evidence is.
        criterion: When it counts as replicated, and when as partly so.
        needs: Tables.
        wants: Tables that sharpen the judgement where a run has them; else None.
    """

    name: str
    chapter: str
    text: str
    criterion: str
    needs: tuple[str, ...]
    judge: Callable[..., Verdict]
    wants: tuple[str, ...] = ()


CLAIMS: list[Claim] = []
WORDS = {
    name: {"chapter": chapter, **words}
    for chapter, claims in yaml.safe_load((published.FOLDER / "claims.yaml").read_text("utf-8")).items()
    for name, words in claims.items()
}


def claim(name: str, *needs: str, wants: tuple[str, ...] = ()):
    """Put a function that judges into `CLAIMS`; its docstring, where it has none, is the claim.

    Args:
        name: The claim's, as in claims.yaml.
        *needs: Tables without which it is not testable; the function is given them, in this order.
        wants: Tables that it is given, too, where the run has them, else None.
    """
    words = WORDS[name]
    text = words.get("short", words["claim"])

    def put(judge: Callable[..., Verdict]) -> Callable[..., Verdict]:
        judge.__doc__ = judge.__doc__ or f"{name}: {text}\n\n{words['criterion']}"
        CLAIMS.append(Claim(name, words["chapter"], text, words["criterion"], needs, judge, wants))
        return judge

    return put


def verdict(conditions: Iterable[object], numbers: str) -> Verdict:
    """Replicated when all of the conditions hold, partly when some do."""
    holds = [bool(condition) for condition in conditions]
    return Verdict(VERDICTS[0] if all(holds) else VERDICTS[1] if any(holds) else VERDICTS[2], numbers)
