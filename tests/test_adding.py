"""CONTRIBUTING's recipes, followed in a copy of the checkout: they name all that has to be touched."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dissect.places import ROOT
from tests.mutants.run import left_out

pytestmark = pytest.mark.slow
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A copy of the checkout, in which commands and tests run on its own package."""
    tree = Path(shutil.copytree(ROOT, tmp_path / "tree", ignore=left_out))
    monkeypatch.setenv("PYTHONPATH", str(tree))
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)
    return tree


def put(tree: Path, what: str, file: str, before: str, new: str) -> None:
    """Put something new before what stands in a file, which the recipe has to name."""
    assert f"`{file}`" in recipe(what)
    text = (tree / file).read_text(encoding="utf-8")
    assert text.count(before) == 1
    (tree / file).write_text(text.replace(before, new + before), encoding="utf-8")


def recipe(what: str) -> str:
    """A paragraph of CONTRIBUTING."""
    (found,) = re.findall(rf"^\*\*{what}\*\*: .*$", CONTRIBUTING, re.MULTILINE)
    return found


def run(tree: Path, *arguments: str) -> str:
    """What a module run as a command says."""
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


NAMED = ("A family of models", "A chapter", "A claim", "A corpus", "An exercise", "A kind of probe")


@pytest.mark.parametrize("what", NAMED)
def test_a_recipe_names_few_places_that_are_there(what):
    """Three files at most, beside the test of what is new and a page that has an example."""
    named = {place for place in re.findall(r"`([\w./]+)`", recipe(what)) if "/" in place or "." in place}
    files = {place for place in named if (ROOT / place).exists()}
    assert named - files <= {"../book/discussion.md"}  # an example of a link
    assert 1 <= len({file for file in files if not file.startswith("tests/test_")}) <= 3


def test_a_chapter_is_a_notebook_a_row_and_a_line(copy):
    """It reads a corpus, has no exercises and no table, and is run and shown like the others."""
    cells = [
        new_markdown_cell("# How long is a sentence?\n\n## Summary\n\nAs long as it takes.", id="opening"),
        new_code_cell(
            'model = "minilm"\ncorpus = "teaching"\nlimit = None\nseed = 0\nresults = None',
            id="parameters", metadata={"tags": ["parameters"]},
        ),
        new_code_cell(
            "from dissect.chapter import corpora\n\n"
            'print(len(corpora.text(corpus, limit, seed)), "sentences of", corpus)', id="sentences",
        ),
    ]  # fmt: skip
    book = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
        },
    )
    nbformat.write(book, copy / "notebooks" / "9-lengths.ipynb")
    row = '    "9-lengths": Chapter(corpus="text", parameters=OF_TEXT),\n'
    put(copy, "A chapter", "dissect/runs/chapters.py", "}  # fmt: skip\n\n\ndef unsuited", row)
    put(
        copy,
        "A chapter",
        "_toc.yml",
        "      - file: book/scorecard\n",
        "      - file: notebooks/9-lengths\n",
    )
    said = run(copy, "dissect.cli", "run", "--sections", "9", "--limit", "23", "--name", "mine")
    assert "chapter 1 of 1, 9-lengths" in said
    page = (copy / "runs/mine/site/notebooks/9-lengths.html").read_text(encoding="utf-8")
    assert "23 sentences of teaching" in page and "How long is a sentence?" in page
    assert "differs" not in run(copy, "dissect.cli", "verify", "mine")
    run(copy, "dissect.cli", "teach", "handouts")
    assert (copy / "handouts/student/9-lengths.ipynb").is_file()


def test_a_family_is_a_row_and_a_size(copy):
    family = '    "bert-generation": BERT,\n'
    put(
        copy,
        "A family of models",
        "dissect/decomposition/families/encoders.py",
        '    "roberta": ROBERTA,\n',
        family,
    )
    put(
        copy,
        "A family of models",
        "tests/conftest.py",
        '    "electra": SIZES',
        '    "bert-generation": SIZES,\n',
    )
    tried = run(
        copy,
        "pytest",
        "-n",
        "0",
        "-v",
        "tests/decomposition/test_families.py",
        "tests/models/test_heads.py",
        "-k",
        "bert-generation",
    )
    assert re.search(r"[1-9]\d* passed", tried)


def test_a_corpus_is_a_reader_and_a_name(copy):
    assert "`dissect/corpora/`" in recipe("A corpus")
    (copy / "dissect/corpora/proverbs.py").write_text(
        '"""Proverbs."""\n\n\ndef text() -> list[str]:\n    """They are few."""\n'
        '    return ["A rolling stone gathers no moss.", "Still waters run deep."]\n'
    )
    named = copy / "dissect/corpora/named.py"
    put(
        copy, "A corpus", "dissect/corpora/named.py", "    elif _is_path(name):\n",
        '    elif name == "proverbs":\n        sentences = proverbs.text()\n',
    )  # fmt: skip
    text = named.read_text(encoding="utf-8")
    named.write_text(text.replace("import europarl, files,", "import europarl, files, proverbs,"))
    code = "from dissect import corpora; print(corpora.text('proverbs', 1))"
    said = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=True)
    assert "moss" in said.stdout or "waters" in said.stdout
    found = run(copy, "dissect.cli", "doctor", "--corpus", "proverbs", "--sections", "1")
    assert "2 sentences" in found
