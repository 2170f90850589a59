"""`dissect teach`: notebooks that run, for students without solutions, and slides that need nothing else."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from pypdf import PdfReader

from dissect.cli import main
from dissect.errors import DissectError
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest
from dissect.site import pdf
from dissect.site.exercises import pages, times
from dissect.teaching import notebook_text
from dissect.teaching.exercises import exercises, of_chapter
from dissect.teaching.handouts import KINDS, sizes, teach, with_exercises, with_values
from dissect.teaching.notebook_text import for_notebook

pytestmark = pytest.mark.slow

EXERCISED = [name for name in CHAPTERS if (ROOT / "dissect/data/exercises" / f"{name}.md").is_file()]
FIRST, LAST = min(EXERCISED), max(EXERCISED)


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return teach(tmp_path_factory.mktemp("teach") / "class")


def read(out: Path, kind: str, chapter: str):
    return nbformat.read(out / kind / f"{chapter}.ipynb", as_version=4)


def text_of(notebook) -> str:
    return "\n".join(cell.source for cell in notebook.cells)


def run(notebook, folder: Path) -> str:
    """Execute a notebook; the text of all its outputs."""
    client = NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "Warning" not in "".join(output.text for output in outputs if output.get("name") == "stderr")
    return "\n".join(output.get("data", {}).get("text/plain", output.get("text", "")) for output in outputs)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_both_versions_are_clean_notebooks_with_all_exercises(out: Path, chapter: str) -> None:
    source = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    code = [cell.source for cell in source.cells if cell.cell_type == "code" and "glue" not in cell.source]
    number = int(chapter[0])
    for kind in KINDS:
        notebook = read(out, kind, chapter)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in cells)
        assert set(code) <= {cell.source for cell in cells}
        text = text_of(notebook)
        for exercise in of_chapter(number):
            assert for_notebook(exercise.statement, number) in text
            assert all(for_notebook(hint, number) in text for hint in exercise.hints)
            assert f"{exercise.starter}\n\n{exercise.check}" in text
            has = exercise.solution in text, for_notebook(exercise.discuss, number) in text
            assert has == (kind == "teacher", kind == "teacher")


ROLE = re.compile(r"\{[\w:+.-]+\}`|^:::|^```\{|^\([\w-]+\)=|\$\$ ?\(|\{\{", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]*)\)|\]\[|<a |<img |<http")


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_markup_of_the_book_is_left_and_every_link_leads_somewhere(
    out: Path, kind: str, chapter: str
) -> None:
    notebook = read(out, kind, chapter)
    assert not re.search("myst|glue", nbformat.writes(notebook))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not ROLE.search(cell.source), cell.source
            assert not cell.source.startswith("## Evidence")
            for target in LINK.findall(re.sub(r"`[^`]*`|\$[^$]+\$", "", cell.source)):
                assert leads_somewhere(out / kind, chapter, target), target


def leads_somewhere(folder: Path, chapter: str, target: str) -> bool:
    """Is it an address, or a heading of a notebook in the folder, as Jupyter names it?"""
    if target.startswith("https://"):
        return True
    file, _, place = target.partition("#")
    there = folder / (file or f"{chapter}.ipynb")
    headings = re.findall(r"^#+ (.+)$", text_of(nbformat.read(there, 4)), re.MULTILINE)
    return not place or place in {heading.replace(" ", "-") for heading in headings}


def test_small_hand_outs_have_the_sizes_of_a_small_run() -> None:
    for chapter, stem in enumerate(CHAPTERS, start=1):
        source = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
        own = parameters_in(source)
        given = sizes(stem)
        handed = with_exercises(ROOT / "notebooks" / f"{stem}.ipynb", chapter, "student", given=given)
        assert parameters_in(handed) == own | given and with_values("", given) == ""


def parameters_in(notebook) -> dict[str, object]:
    """What the cell of parameters sets."""
    space: dict[str, object] = {}
    exec(next(c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])), {}, space)
    return space


def test_each_chapter_leads_to_its_exercises(out: Path) -> None:
    for chapter in EXERCISED:
        assert "[exercises](#Exercises)" in text_of(read(out, "student", chapter))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a {term}`term`, two {term}`terms <term>`", "a term, two terms"),
        ("{eq}`eq-sum`", "(1)"),
        ("[do](../book/exercises/1-derivation.md)", "[do](#Exercises)"),
        ("[do](../book/exercises/2-visualisation.md)", "[do](2-visualisation.ipynb#Exercises)"),
        ("[it](exercise-2-1)", "[it](2-visualisation.ipynb#2.1-A-negative-share)"),
        ("[it](exercise-1-1)", "[it](#1.1-Who-gets-what?)"),
        ("[so](#what-to-try)", "[so](#What-to-try)"),
        ("[](3-mlm.ipynb)", "[Which terms predict hidden words?](3-mlm.ipynb)"),
        ("[the discussion](../book/discussion.md)", "the discussion"),
        ("[`a`](https://aclanthology.org/x)", "[`a`](https://aclanthology.org/x)"),
        ("{cite:t}`mickus2022dissect`", "Mickus et al. (2022)"),
        ("{cite:p}`mickus2022dissect,wolf2020transformers`", "(Mickus et al., 2022; Wolf et al., 2020)"),
        ("`{x}`, ``[a](b)`` and $f[1](x)$", "`{x}`, ``[a](b)`` and $f[1](x)$"),
        ("```python\nx[0](1)\n```", "```python\nx[0](1)\n```"),
    ],
)
def test_what_is_written_for_the_book_is_plain_in_a_notebook(text: str, shown: str) -> None:
    assert for_notebook(text, 1) == shown


def test_an_equation_of_another_chapter_is_named_with_it() -> None:
    assert for_notebook("{eq}`eq-sum`", 6) == "(1) of chapter 1"


@pytest.mark.parametrize(
    "text",
    [
        "{ref}`a`", "{numref}`fig`", "{code-cell}`x`", "{eq}`eq-none`", "{cite:p}`nobody`",
        "[a](../book/none.md)", "[a](../book/exercises/9-none.md)", "[a](exercises-1)", "[a](exercise-9-9)",
        "[a](#nowhere)", "[a](#evidence)", "[a](some-label)", ":::{note}\nx\n:::", "```{figure} x\n```",
        "(label)=\n# A", "{{ x }}", "![a](b.png)", "[a][b]", "% no",
    ],
)  # fmt: skip
def test_what_a_notebook_cannot_show_is_an_error(text: str) -> None:
    with pytest.raises(DissectError, match="chapter 1: "):
        for_notebook(text, 1)


def test_links_lead_to_the_repository_where_it_has_an_address(monkeypatch) -> None:
    monkeypatch.setattr(notebook_text, "repository", lambda: "https://example.org/book/blob/main")
    assert (
        for_notebook("[it](../book/discussion.md)", 3)
        == "[it](https://example.org/book/blob/main/book/discussion.md)"
    )


def test_equations_keep_their_numbers(out: Path) -> None:
    text = text_of(read(out, "student", FIRST))
    tags = re.findall(r"\\tag\{(\d+)\}", text)
    assert tags == [str(n) for n in range(1, len(tags) + 1)]
    assert "equation (2)" in text
    assert "(Mickus et al., 2022)" in text


def test_students_get_a_notebook_that_runs_and_waits_for_answers(out: Path, tmp_path: Path) -> None:
    notebook = read(out, "student", LAST)
    start = next(n for n, cell in enumerate(notebook.cells) if cell.id == "exercises")
    notebook.cells = notebook.cells[start:]  # they begin with what they need
    said = run(notebook, tmp_path)
    for exercise in of_chapter(len(EXERCISED)):
        assert re.search(rf"{exercise.name}: (there is no answer yet|not yet)", said)


def test_teachers_get_a_notebook_whose_solutions_are_right(out: Path, tmp_path: Path) -> None:
    notebook = read(out, "teacher", LAST)
    run(notebook, tmp_path)
    cells = {cell.id: cell for cell in notebook.cells}
    for exercise in of_chapter(len(EXERCISED)):
        said = cells[f"solution-{exercise.name.replace('.', '-')}"].outputs[-1].data["text/plain"]
        assert re.match(rf"{exercise.name}: (right|the form is right)", said)


def test_slides_need_no_other_file_and_no_other_host(out: Path) -> None:
    page = (out / "slides" / "slides.html").read_text(encoding="utf-8")
    assert page.count("<section>") >= len(CHAPTERS) + 2
    for chapter in CHAPTERS:
        title = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", 4).cells[0].source.splitlines()[0]
        assert f"<h2>{chapter[0]} {title.removeprefix('# ')}</h2>" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources and all(source.startswith("data:image/") for source in sources)
    assert all(re.findall(r'<img[^>]* alt="([^"]*)"', page))
    assert "$" not in re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)


def test_every_slide_says_what_to_say_and_for_how_long(out: Path) -> None:
    page = (out / "slides" / "slides.html").read_text(encoding="utf-8")
    minutes = [int(found) for found in re.findall(r"<aside><b>(\d+) min</b>", page)]
    assert len(minutes) == page.count("<section>") and 60 <= sum(minutes) <= 90
    for step in range(1, 7):
        assert f"<h2>Step {step}: " in page
    text = (out / "slides" / "slides.md").read_text(encoding="utf-8")
    assert text.count("> Notes, ") == len(minutes) and ":::" not in text


def test_slides_hold_on_a_screen_of_16_to_9_in_large_type(browser, out: Path, tmp_path: Path) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 720})
    tab.goto((out / "slides" / "slides.html").as_uri())
    small = tab.evaluate("""[...document.querySelectorAll("section, section *")]
        .filter(one => one.checkVisibility() && one.textContent.trim())
        .map(one => parseFloat(getComputedStyle(one).fontSize)).filter(size => size < 24)""")
    tall = tab.evaluate(
        "[...document.querySelectorAll('section')].filter(one => one.scrollHeight > 720).length"
    )
    tab.keyboard.press("n")
    assert tab.locator("aside").first.is_visible() and not small and not tall  # 24 pixels are 18 points
    tab.close()
    pages = PdfReader(pdf.print_page(out / "slides" / "slides.html", tmp_path / "slides.pdf")).pages
    assert len(pages) == slides_in(out) and pages[0].mediabox.width / pages[0].mediabox.height == 16 / 9


def slides_in(out: Path) -> int:
    return (out / "slides" / "slides.html").read_text(encoding="utf-8").count("<section>")


def test_markdown_slides_have_their_pictures_beside_them(out: Path) -> None:
    text = (out / "slides" / "slides.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(pictures) >= 4
    assert all((out / "slides" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_nothing_is_written_over_unasked(out: Path, tmp_path: Path) -> None:
    own = tmp_path / "notes.txt"
    own.write_text("mine")
    with pytest.raises(DissectError, match="not empty: give another folder, or --force"):
        teach(tmp_path)
    assert list(tmp_path.iterdir()) == [own]
    with pytest.raises(DissectError, match="is a file"):
        teach(own)
    teach(tmp_path, force=True)
    assert own.read_text() == "mine"
    same = "student/1-derivation.ipynb"
    assert (tmp_path / same).read_bytes() == (out / same).read_bytes()


MANIFEST = Manifest.model_validate(
    {
        "settings": {"profile": "teach", "limit": None},
        "chapters": {FIRST: {"seconds": 12.3, "key": "", "parameters": {}, "date": ""}},
        "machine": {"cores": 2}, "date": "", "versions": {}, "revisions": {},
    }
)  # fmt: skip


def test_pages_fold_hints_and_solutions() -> None:
    made = pages(MANIFEST)
    text = "".join(made[f"exercises-{n}"] for n in range(1, len(EXERCISED) + 1))
    for exercise in exercises().values():
        anchor = exercise.name.replace(".", "-")
        assert text.count(f"(exercise-{anchor})=") == 1
        folded = text.split(f"(exercise-{anchor})=")[1].split("(exercise")[0]
        before = folded.split(":::")[0]
        assert exercise.statement in before and exercise.starter in before
        for text_of_one in (*exercise.hints, exercise.solution):
            assert text_of_one not in before and text_of_one in folded
        assert f"| [{exercise.title}](exercise-{anchor}) | {exercise.level} |" in made["exercises"]


@pytest.mark.parametrize("chapter", EXERCISED)
def test_each_chapter_has_a_page_of_exercises(chapter: str) -> None:
    text = (ROOT / "book" / "exercises" / f"{chapter}.md").read_text(encoding="utf-8")
    assert f"(exercises-{chapter[0]})=" in text
    assert f"../_run/exercises-{chapter[0]}.md" in text
    assert f"file: book/exercises/{chapter}\n" in (ROOT / "_toc.yml").read_text(encoding="utf-8")


def test_times_come_from_the_exercises_and_the_run() -> None:
    table = times(MANIFEST)
    row = next(line for line in table.splitlines() if FIRST in line)
    minutes = sum(e.minutes for e in of_chapter(1) if e.level != "research")
    assert f"| {minutes} minutes | 12 seconds |" in row
    assert table.count("left out") == len(EXERCISED) - 1
    assert "on 2 cores" in table


LESSON = re.compile(r"^\*\*.+? \((\d+) minutes\)\.?\*\*", re.MULTILINE)
NAMED = re.compile(r"\[(\d\.\d)\]\(exercise-")


def test_lessons_last_ninety_minutes_and_leave_time_for_their_exercises() -> None:
    text = (ROOT / "book" / "teach.md").read_text(encoding="utf-8")
    lessons = re.split(r"^##+ Lesson .+$|^## A lesson .+$|^## Four .+$", text, flags=re.MULTILINE)[1:]
    lessons = [lesson.split("\n## ")[0] for lesson in lessons if LESSON.search(lesson)]
    assert len(lessons) == 5
    for lesson in lessons:
        assert sum(map(int, LESSON.findall(lesson))) == 90
        blocks = LESSON.split(lesson)[1:]
        for minutes, block in zip(blocks[::2], blocks[1::2], strict=True):
            at_work = block.split("*At home")[0]
            needed = sum(exercises()[name].minutes for name in NAMED.findall(at_work))
            assert needed <= int(minutes), block


def test_the_command_line_says_it_in_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr("sys.argv", ["dissect", "teach", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"dissect: {tmp_path} is not empty")


def run_here(code: str, space: dict[str, object]) -> object:
    """Run a cell; the value of its last line."""
    *body, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(body, []), "cell", "exec"), space)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), space)


def set_by(notebook) -> set[str]:
    """The names that the chapter's own cells set, imports left out."""
    start = next(n for n, cell in enumerate(notebook.cells) if cell.id == "exercises")
    code = "\n".join(cell.source for cell in notebook.cells[:start] if cell.cell_type == "code")
    nodes = list(ast.walk(ast.parse(code)))
    named = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return named | {node.name for node in nodes if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("chapter", EXERCISED)
def test_exercises_run_in_order_backwards_and_twice_and_leave_the_chapter_as_it_was(
    out: Path, chapter: str
) -> None:
    notebook = read(out, "teacher", chapter)
    own: dict[str, object] = {name: object() for name in set_by(notebook)}
    space = dict(own)
    cells = [cell for cell in notebook.cells if cell.id.startswith(("answer-", "solution-"))]
    *some, study = of_chapter(int(chapter[0]))  # which takes seconds: once
    quick = [cell for cell in cells if not cell.source.endswith(study.check)]
    for cell in [*cells, *reversed(quick), *quick]:
        verdict = run_here(cell.source, space)
        assert bool(verdict) == cell.id.startswith("solution-"), f"{cell.id}: {verdict}"
    for exercise in some:  # to check again judges each exercise's own answer
        assert run_here(exercise.check, space), exercise.name
    assert {name: space[name] for name in own} == own
