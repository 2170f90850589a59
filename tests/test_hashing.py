"""Keys: the same for the same code, however it is commented; another for other code."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissect import chapter, hashing
from dissect.places import ROOT
from dissect.runs.chapters import CHAPTERS
from dissect.runs.kernels import code_of, same_code
from dissect.runs.run import key_of

CODE = '''"""What it is."""
import os  # for its paths


class A:
    """One."""

    def twice(self, x: int = 1) -> int:
        """2x."""
        return 2 * x


def nothing():
    """Does nothing."""
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it is."""\n', ""),
        ("# for its paths", "# paths"),
        ('"""One."""\n', '"""One, at length.\n\n    And more.\n    """\n'),
        ('        """2x."""\n', ""),
        ("return 2 * x", "return (\n            2\n            * x\n        )"),
        ('"""Does nothing."""', '"""Does little."""'),
    ],
)
def test_what_changes_nothing_is_no_part_of_code(old, new):
    assert old in CODE
    assert hashing.plain(CODE.replace(old, new)) == hashing.plain(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("2 * x", "3 * x"),
        ("x: int = 1", "x: int = 2"),
        ("def nothing", "def something"),
        ('"""Does nothing."""', 'return """Does nothing."""'),
        ("import os", "import re as os"),
    ],
)
def test_what_may_change_something_is(old, new):
    assert old in CODE
    assert hashing.plain(CODE.replace(old, new)) != hashing.plain(CODE)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_key_is_of_the_modules_that_it_reaches(name):
    reached = hashing.reached_from(code_of(ROOT / f"notebooks/{name}.ipynb"))
    assert {"decomposition.families", "models.loading", "tables.results", "report.figures"} <= reached
    assert not {"cli", "runs", "site", "teaching"} & {module.split(".")[0] for module in reached}
    assert "report.claims" not in reached and ("experiments.probes" in reached) == (name[0] in "34578")


def test_modules_are_found_wherever_they_are_imported():
    code = "def f():\n    from dissect import models, decompose\n    import dissect.corpora.files\n"
    found = hashing.imported(code)
    assert {"models", "decomposition.decomposer", "corpora", "corpora.files"} <= found
    assert {"decomposition.decomposer", "decomposition.parts"} <= hashing.imported("import dissect")


@pytest.mark.parametrize("code", ["%%time\nfrom dissect import models", "!ls", "%matplotlib inline"])
def test_code_that_is_not_plain_python_may_import_anything(code):
    everything = hashing.reached_from(["import numpy", code])
    assert {"", "cli", "corpora", "corpora.files", "teaching.exercises.materials"} <= everything
    assert all(hashing.file_of(name).is_file() for name in everything)


def test_a_changed_module_is_another_key(monkeypatch):
    source = ROOT / "notebooks/6-finer.ipynb"
    key, read = key_of(source, {}, {}), hashing.of_module

    def changed(where):
        monkeypatch.setattr(hashing, "of_module", lambda name: "changed" if name == where else read(name))
        return key_of(source, {}, {})

    assert changed("teaching.slides") == changed("experiments.probes") == key
    others = ("decomposition.fold", "experiments.finer", "report.figures")
    assert len({key, *map(changed, others)}) == 4


@given(st.dictionaries(st.text(), st.integers() | st.text(), min_size=2))
def test_the_order_of_names_is_no_part_of_an_object(thing):
    assert hashing.of_object(thing) == hashing.of_object(dict(reversed(thing.items())))
    assert hashing.of_object(thing) == hashing.of_object(json.loads(json.dumps(thing)))


def test_what_notebooks_import_is_there_and_its_key_is_of_its_own_module():
    for name in chapter.NAMES | chapter.MODULES:
        assert getattr(chapter, name) is not None
    assert hashing.imported("from dissect.chapter import save") == {"tables", "tables.results"}
    assert hashing.imported("from dissect.chapter import given") == {
        "teaching",
        "teaching.exercises",
        "teaching.exercises.materials",
    }
    with pytest.raises(ImportError):
        from dissect.chapter import nothing  # noqa: F401


@pytest.mark.parametrize(
    "code",
    ["import dissect.chapter", "from dissect import chapter", "from dissect.chapter import *",
     "import dissect.chapter as here"],
)  # fmt: skip
def test_who_has_the_whole_of_chapter_may_use_all_that_it_hands_out(code):
    everything = set(chapter.HANDED_OUT.values())
    assert everything <= hashing.imported(code)


@pytest.mark.parametrize(
    ("code", "module"),
    [("from dissect import *", "decomposition.decomposer"), ("import dissect.models", "decomposition.parts"),
     ("from dissect.report import verdicts", "report.claims"), ("import dissect.report", "report.claims"),
     ("from dissect import report", "report.claims")],
)  # fmt: skip
def test_what_is_loaded_when_asked_for_is_reached(code, module):
    assert module in hashing.imported(code)
    assert "report.claims" not in hashing.imported("from dissect.report import figures")


def test_code_is_the_same_wherever_its_names_are_imported_from():
    here, there = "from dissect.chapter import save, models\nsave(1)", "from dissect import models\nsave( 1 )"
    more = "from dissect.tables.results import save"
    assert same_code([here, "models"], [there + "  # or so", more + "\nmodels"])
    assert not same_code([here, "models"], [there, "models"])
    assert not same_code([here], [there + "\n" + more, "models"])
    assert not same_code([here], [here.replace("save(1)", "save(2)")])
    assert not same_code([here], [here.replace("import save", "import save as store")])
    assert not same_code(["%%time\n" + here], ["%time\n" + here]) and same_code(["!ls"], ["!ls"])
