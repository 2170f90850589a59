"""Questions to check oneself by, from one file, on the site and in hand-outs."""

import nbformat
import pytest
from bs4 import BeautifulSoup

from dissect.errors import DissectError
from dissect.places import NOTEBOOKS
from dissect.runs.chapters import CHAPTERS
from dissect.teaching import handouts, quiz


def test_every_chapter_has_three_questions_and_each_one_right_answer() -> None:
    assert list(quiz.quizzes()) == list(CHAPTERS)
    for questions in quiz.quizzes().values():
        assert len(questions) == 3
        for one in questions:
            assert sum(option.right for option in one.options) == 1 and len(one.options) >= 3
            assert len({option.answer for option in one.options}) == len(one.options)


def test_the_right_answer_has_no_place_of_its_own() -> None:
    places = [[o.right for o in one.options].index(True) for of in quiz.quizzes().values() for one in of]
    assert set(places) == {0, 1, 2} and max(map(places.count, places)) <= len(places) // 2


@pytest.mark.parametrize("right", [[], [0, 1]])
def test_a_question_with_no_right_answer_or_two_is_refused(right: list[int]) -> None:
    options = [{"answer": f"{n}", "said": "x", "right": n in right} for n in range(3)]
    with pytest.raises(DissectError, match="not just one answer is right: Which"):
        quiz.question({"asked": "Which?", "options": options})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_hand_outs_have_them_before_the_exercises(chapter: str) -> None:
    number = list(CHAPTERS).index(chapter) + 1
    cells = handouts.with_exercises(NOTEBOOKS / f"{chapter}.ipynb", number, "student").cells
    places = {cell.id: n for n, cell in enumerate(cells)}
    source = cells[places["quiz"]].source
    assert source == quiz.page(chapter, book=False) and "<summary>\n" not in source
    assert places["quiz"] < places.get("exercises", len(cells))


@pytest.mark.parametrize(("book", "rooms"), [(True, 0), (False, 2)])
def test_questions_stand_apart_in_jupyter_too(book: bool, rooms: int) -> None:
    assert quiz.page("1-derivation", book).count("</details>\n\n<br>\n\n**") == rooms


def test_a_chapter_without_questions_is_left_as_it_is() -> None:
    notebook = nbformat.v4.new_notebook()
    quiz.put(notebook, "9-more")
    assert notebook.cells == [] and quiz.page("9-more") == ""


def test_the_site_folds_what_is_said_to_an_answer(site) -> None:
    for chapter, questions in quiz.quizzes().items():
        page = BeautifulSoup((site / "notebooks" / f"{chapter}.html").read_text("utf-8"), "html.parser")
        folded = page.select("details.quiz")
        assert len(folded) == sum(len(one.options) for one in questions)
        for one in folded:
            assert one.summary.get_text(strip=True) and (quiz.RIGHT in one.text) != (quiz.WRONG in one.text)
        headings = [heading.get_text() for heading in page.select("h2")]
        assert headings.index("Check yourself#") < headings.index("Evidence#")
