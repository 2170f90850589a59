"""The picture that other places show where the site is linked."""

from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from dissect.report.figures import COLOURS
from dissect.runs.manifest import Manifest
from dissect.site import citation, home

INCHES, DOTS = (12, 6.3), 100  # 1200 by 630 pixels, as they ask


def draw(file: Path, told: Manifest) -> None:
    """Draw it into a PNG.

    Args:
        file: The PNG.
        told: The run's manifest.
    """
    figure = Figure(figsize=INCHES, dpi=DOTS, facecolor="white")
    write = partial(figure.text, va="center", parse_math=False)
    write(0.07, 0.74, "How to Dissect a Muppet,\nreplicated", size=42, weight="bold")
    for n, letter in enumerate("e=i+h+f+c"):
        colour = COLOURS.get(letter, "black")
        write(
            0.09 + 0.06 * n, 0.42, letter, size=60, style="italic", family="serif", ha="center", color=colour
        )
    kind = home.kind(told)
    preposition = {home.REPLICATION: "on", home.TRANSFER: "to"}[kind]
    write(0.07, 0.2, f"A {kind} {preposition} {home.named(told.settings.model)}", size=26, color="#444444")
    write(0.07, 0.1, citation.listed(citation.names(citation.report())), size=18, color="#666666")
    figure.savefig(file, bbox_inches=figure.bbox_inches)
