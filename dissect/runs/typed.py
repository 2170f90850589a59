"""Types for what comes from elsewhere, as in the manifest of somebody's run: bounded, and no two readings."""

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StringConstraints

LONGEST = 1000  # characters of a text


def _one_line(text: str) -> str:
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"expected text on one line, of at most {LONGEST} characters")
    return text


def _date(text: str) -> str:
    try:
        datetime.fromisoformat(text or "2000-01-01")
    except ValueError:
        raise ValueError("expected a date such as 2026-11-24T19:02:45+00:00") from None
    return text


Line = Annotated[str, AfterValidator(_one_line)]
Name = Annotated[str, StringConstraints(max_length=100), AfterValidator(_one_line)]
Date = Annotated[str, AfterValidator(_date)]
Sha = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]*$", max_length=64)]
Count = Annotated[StrictInt, Field(ge=0, le=10**9)]
Amount = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False, strict=True)]
Scalar = Line | StrictBool | Annotated[StrictInt, Field(ge=-(10**12), le=10**12)] | StrictFloat | None
Parameter = Scalar | list[Scalar]


def from_json(text: str) -> Any:
    """JSON in which no name stands twice. Raises `ValueError`."""
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
