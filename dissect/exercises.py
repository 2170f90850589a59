"""The name that notebooks handed out before had for `dissect.chapter`; it goes with the next release."""

from dissect.teaching.exercises import check as check
from dissect.teaching.exercises import materials as given  # noqa: F401
