"""Where things lie: the package, and the checkout of the repository around it."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # of the checkout; a package installed without one has nothing of what follows
NOTEBOOKS = ROOT / "notebooks"
PUBLISHED = ROOT / "book" / "published"
