"""Slides for a lecture hall: nothing is smaller than 18 points, and pictures are those of the run."""

import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text
from PIL import Image

from dissect.errors import DissectError
from dissect.report.figures import style
from dissect.tables import read
from dissect.teaching import slide_pictures, slides
from dissect.teaching.slide_pictures import PICTURES

SMALLEST = 18  # points on a slide of 960 by 540 points
NAMES = sorted(PICTURES)


@pytest.fixture(scope="module")
def tables():
    return read(slides.RUN / "results")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("slides")
    slides.write(made)
    return made


def type_of(figure) -> list[float]:
    """The size in points of all that is written in a figure."""
    figure.canvas.draw()
    written = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [float(text.get_fontsize()) for text in written]


@pytest.mark.parametrize("name", NAMES)
def test_pictures_fit_their_room_and_no_row_hides_another(name: str, tables) -> None:
    picture = PICTURES[name]
    figure = slide_pictures.drawn(picture, tables)
    width, height = (side / slide_pictures.LARGER for side in picture.room)
    box = figure.get_tightbbox()
    assert 0.85 * width < box.width < 1.05 * width and 0.85 * height < box.height < 1.05 * height
    for axis in figure.axes:
        labels = [label for label in axis.get_yticklabels() if label.get_visible() and label.get_text()]
        tops = sorted(label.get_window_extent().y0 for label in labels)
        apart = min((b - a for a, b in zip(tops, tops[1:], strict=False)), default=99)
        assert apart / figure.dpi * 72 > 0.9 * style.POINTS
    plt.close(figure)


def test_type_has_eighteen_points_on_the_slide_labels_of_ticks_and_legends_too(
    browser, folder: Path, tables
) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.goto((folder / "slides.html").as_uri())
    shown = tab.evaluate("""[...document.querySelectorAll("img.picture")].map(one => ({
        alt: one.alt,
        scale: Math.min(one.clientWidth / one.naturalWidth, one.clientHeight / one.naturalHeight)}))""")
    names = [name for _, name in slides.PICTURE.findall(slides.SOURCE.read_text(encoding="utf-8"))]
    assert len(shown) == len(names) >= 5
    for name, picture in zip(names, shown, strict=True):
        figure = slide_pictures.drawn(PICTURES[name], tables)
        points = (
            min(type_of(figure)) * slide_pictures.DPI / 72 * picture["scale"] * 0.75
        )  # 4 pixels: 3 points
        assert points >= SMALLEST, (name, points)
        plt.close(figure)
    formulas = tab.evaluate(
        """[...document.querySelectorAll("section > p img.inline, section > p img.display")]
        .map(one => one.clientWidth / one.naturalWidth * 10)"""
    )  # 10 points high, in pixels of the slide
    assert formulas and min(formulas) >= 24
    tab.close()


def test_no_slide_overflows_with_or_without_its_notes(browser, folder: Path) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.goto((folder / "slides.html").as_uri())
    over = """[...document.querySelectorAll("section")].filter(one => [one, ...one.querySelectorAll("*")]
        .some(part => part.getBoundingClientRect().bottom > one.getBoundingClientRect().bottom + 1
            || part.getBoundingClientRect().right > one.getBoundingClientRect().right - 30 && part !== one))
        .map(one => one.querySelector("h1, h2").textContent)"""
    assert tab.evaluate(over) == []
    tab.keyboard.press("n")
    assert tab.evaluate(over) == []
    tab.close()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_tell_things_apart_without_colour(name: str, tables) -> None:
    figure = slide_pictures.drawn(PICTURES[name], tables)
    looks = (
        [(line.get_marker(), line.get_linestyle()) for line in figure.legends[0].get_lines()]
        if figure.legends
        else []
    )
    assert len(set(looks)) == len(looks)
    if name == "sources":  # a heat map, with its numbers in it
        assert all(any(text.get_text().isdigit() for text in axis.texts) for axis in figure.axes)
    else:
        assert len(looks) >= 2
    plt.close(figure)


def test_a_run_without_a_chapters_tables_says_so_on_its_slide(tmp_path: Path, tables, capsys) -> None:
    (tmp_path / "mine" / "results").mkdir(parents=True)
    tables["importance"].to_parquet(tmp_path / "mine" / "results" / "importance.parquet")
    slides.write(tmp_path / "out", tmp_path / "mine")
    text = (tmp_path / "out" / "slides.md").read_text(encoding="utf-8")
    page = (tmp_path / "out" / "slides.html").read_text(encoding="utf-8")
    assert text.count("The run `mine` has no tables for this picture.") == len(PICTURES) - 1
    assert page.count("The run <code>mine</code> has no tables for this picture.") == len(PICTURES) - 1
    assert re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text) == ["importance.png"]
    assert sorted(file.name for file in (tmp_path / "out").glob("*.png")) == ["importance.png"]
    assert (
        "the run mine has no tables for these pictures of the slides: entities, " in capsys.readouterr().err
    )


def test_pictures_are_drawn_from_the_run_that_is_given(tables) -> None:
    changed = tables | {"importance": tables["importance"].assign(mean=0.5)}
    first, other = slide_pictures.png("importance", tables), slide_pictures.png("importance", changed)
    assert first and other and first != other and Image.open(io.BytesIO(first)).width > 1200


def test_a_picture_of_no_such_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DissectError, match="no picture to show for nothing"):
        slides.drawn({"nothing", "senses"}, tmp_path)


def test_a_size_that_was_asked_for_is_kept_for_what_is_drawn_within() -> None:
    with style.sized(3, 2):
        assert tuple(style.panels(4)[0].get_size_inches()) == (3, 2)
    assert tuple(style.panels(4, 2)[0].get_size_inches()) == (style.WIDTH, 4)
    plt.close("all")
