"""Runs beside one another, and numbers in prose: each against the tables they come from."""

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from dissect import DissectError
from dissect.places import PUBLISHED, ROOT
from dissect.report import answers, published
from dissect.runs import manifest
from dissect.runs.kernels import code_cells
from dissect.site import across
from dissect.site.prose import filled
from dissect.tables import results


@pytest.fixture(scope="module")
def here(small_run) -> across.Run:
    return across.read(small_run, here=True)


def test_a_run_says_how_much_of_each_corpus_its_chapters_took():
    assert across.read(PUBLISHED / "minilm").about == (
        "europarl (at most 10,000 sentences), semcor, wnut16; 5 seeds"
    )
    told = manifest.required(PUBLISHED / "mpnet")
    told.chapters["2-visualisation"].parameters["limit"] = 9
    assert across.about(told) == (
        "europarl (at most 9 sentences), semcor (at most 2,000 sentences), wnut16 (at most 600 sentences); "
        "5 seeds"
    )


def test_the_papers_column_holds_its_published_figures():
    table = across.numbers([across.paper()])[across.PAPER]
    probe = published.senses_accuracy().groupby("terms")["accuracy"].mean()
    r2 = published.feedforward_r2()["r2"]
    assert table["word senses, probe on h and on f (accuracy)"] == f"{probe['h']:.1f} and {probe['f']:.1f} %"
    assert (
        table["R² of a linear stand-in for a feed-forward, by layer"] == f"{r2.min():.2f} to {r2.max():.2f}"
    )
    assert table["masked words, learned head on f (accuracy)"] == "53.8 %"
    assert table["named entities, the best subset, pretrained"] == across.ABSENT


def test_a_run_stands_beside_it_with_all_it_has(here):
    table = across.numbers([across.paper(), here])
    assert (table[here.name] == across.ABSENT).sum() == 1  # the default model has no pretrained head
    senses = here.tables["senses"].query("predictor == 'knn'").groupby("terms")["accuracy"].mean()
    apart = here.tables["senses_documents"].query("predictor == 'most frequent sense'")["accuracy"].item()
    assert (
        table[here.name]["word senses by document, the lemma's most frequent sense"] == f"{100 * apart:.1f} %"
    )
    assert table[across.PAPER]["word senses by document, kNN on h and on f"] == "–"
    assert (
        table[here.name]["word senses, kNN on h and on f"]
        == f"{100 * senses['h']:.1f} and {100 * senses['f']:.1f} %"
    )
    text = across.page([across.paper(), here])
    assert "60 sentences" in text and "2 seeds" in text


def test_verdicts_link_to_their_evidence(here, small_run):
    there = across.read(small_run)
    there = replace(there, evidence=across.ELSEWHERE % small_run.name)  # as a published one
    here, there = across.apart([here, there], [Path("one"), Path("two")])
    table = across.verdicts([across.paper(), here, there])
    row = table[table.index.str.startswith("W1 ")].iloc[0]
    reported = "[[• reported](../notebooks/%s.ipynb)]{.verdict .reported} "
    assert row[across.PAPER].startswith(reported % "4-wsd")
    masked = table.loc[table.index.str.startswith("M1 "), across.PAPER].item()
    assert masked.startswith(reported % "3-mlm") and "f 1\\.36 " in masked  # its score of f alone
    verdict = here.tables["scorecard"].set_index("claim").loc["W1", "verdict"]
    assert row[here.name].endswith(f"](../notebooks/4-wsd.ipynb)]{{.verdict .{verdict.replace(' ', '-')}}}")
    assert f"](published/{small_run.name}/results/senses_documents_groups.parquet)" in row[there.name]
    assert {here.name, there.name} == {"minilm (teach profile), one", "minilm (teach profile), two"}


def test_runs_of_one_name_are_told_apart():
    runs = [across.Run(name, "", {}) for name in ("x", "x", "y", "x")]
    found = across.apart(runs, [Path("a/mine"), Path("b/mine"), Path("c/mine"), Path("d/other")])
    assert [run.name for run in found] == ["x, mine (1)", "x, mine (2)", "y", "x, other"]


def test_a_folder_that_holds_no_run_is_named(tmp_path):
    with pytest.raises(DissectError, match="holds no run"):
        across.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"settings": 3}')
    with pytest.raises(DissectError, match="damaged"):
        across.read(tmp_path)


def test_numbers_in_prose_come_from_the_tables():
    pairs = pd.DataFrame(
        [("classifier", "accuracy", "h", "f", 0.02, 0.01, 0.03, 0.002)],
        columns=["predictor", "score", "terms_a", "terms_b", "difference", "low", "high", "p"],
    )
    paper = across.paper()
    run = across.Run("x", "", {**paper.tables, "senses_pairs": pairs})
    runs = {"paper": paper, "x": run}
    assert filled("<<paper senses classifier accuracy i+h>> %", runs) == "66.7 %"
    assert filled("<<paper masked_words whole accuracy f>>", runs) == "1.4"
    assert filled("<<paper importance 0 i last>>", runs) == "0.04"
    assert (
        filled("<<paper importance 0 c mean>>, <<paper agreement senses classifier h f>>", runs)
        == "0.18, 83 %"
    )
    assert filled("<<paper r2 min>> to <<paper r2 max>>", runs) == "0.39 to 0.71"
    first = {"one": across.Run("one", "", {}, folder="minilm")}
    assert filled("<<one evidence V3>>", first) == "mean of f 0.37; largest in 3 of 6 layers"
    assert filled("<<one verdict W1>>, <<one count not testable>>", first) == "partly, 2"
    ask = "<<x difference senses classifier accuracy {} {}>>"
    assert filled(ask.format("h", "f"), runs) == "+2.0 points (+1.0 to +3.0)"
    assert filled(ask.format("f", "h"), runs) == "−2.0 points (−3.0 to −1.0)"
    assert filled("no quotes: a << b", runs) == "no quotes: a << b"


@pytest.mark.parametrize(
    "quote",
    ["<<nobody r2 min>>", "<<paper r2 mean>>", "<<paper senses knn accuracy h>>", "<<paper nonsense>>",
     "<<paper senses classifier accuracy x>>", "<<paper importance 9 i last>>", "<<paper evidence W9>>",
     "<<paper agreement senses classifier h x>>"],
)  # fmt: skip
def test_a_number_that_no_run_has_is_an_error(quote):
    with pytest.raises(DissectError, match="no published run has"):
        filled(f"text {quote} text", {"paper": across.paper()})


TOLD = {
    "visualisation": lambda t: answers.visualisation(t["importance"], published.importance()),
    "tuning": lambda t: answers.tuning(t["correlation"]),
    "masked_words": lambda t: answers.masked_words(t["masked_words"], t["masked_words_intervals"]),
    "word_senses": lambda t: answers.word_senses(t["senses"], t["senses_agreement"], t["senses_intervals"]),
    "named_entities": lambda t: answers.named_entities(
        t["entities"], t["entities_agreement"], t["entities_intervals"]
    ),
    "largest_sources": lambda t: answers.largest_sources(t["finer_sources"]),
    "units_apart": lambda t: answers.units_apart(t["finer_units"]),
}


@pytest.mark.parametrize("folder", sorted(PUBLISHED.glob("*/")), ids=lambda folder: folder.name)
def test_published_chapters_tell_the_numbers_of_their_tables(folder):
    """As scorecard and prose read them today: a chapter had 2.5 points beside the scorecard's 2.6.

    What was executed with other code than today's chapter is shown as such, and tells them as it did then.
    """
    seen = tables_told(folder)
    if not seen:
        pytest.skip("the run was made with other code than the chapters have now: run it again")
    assert seen >= 4


def test_a_runs_chapters_tell_the_numbers_of_their_tables(small_run):
    assert tables_told(small_run) == len(TOLD)


def tables_told(folder: Path) -> int:
    """How many tables of answers a run's chapters show, each with what its tables say."""
    tables, seen = results.read(folder / "results"), 0
    for file in (folder / "notebooks").glob("*.ipynb"):
        if code(file) == code(ROOT / "notebooks" / file.name):
            for cell in code_cells(nbformat.read(file, as_version=4)):
                called = re.search(r"findings\.(\w+)\(", cell.source)
                if called and called[1] in TOLD:
                    (html,) = (out["data"]["text/html"] for out in cell["outputs"] if "data" in out)
                    assert cells("".join(html)) == cells(TOLD[called[1]](tables)._repr_html_())
                    seen += 1
    return seen


def code(notebook: Path) -> list[str]:
    return [cell.source for cell in code_cells(nbformat.read(notebook, as_version=4))]


def cells(html: str) -> list[str]:
    """What stands in a table."""
    return re.findall(r"<t[dh]>(.*?)</t[dh]>", html)


# Chapters whose code is another since those runs were made: the site shows them as they were run.


@pytest.mark.parametrize("folder", sorted(PUBLISHED.glob("*/")), ids=lambda folder: folder.name)
def test_published_runs_are_whole_and_hold_no_outputs_that_they_should_not(folder):
    from dissect.places import ROOT
    from dissect.runs.kernels import code_of, same_code
    from dissect.runs.manifest import checksums, required

    told = required(folder)
    assert checksums(folder / "results") == told.results
    assert set(told.chapters) == {file.stem for file in (folder / "notebooks").glob("*.ipynb")}
    for file in (folder / "notebooks").glob("*.ipynb"):  # or its prose would not belong to its results
        same = same_code(code_of(file), code_of(ROOT / "notebooks" / file.name))
        assert same or not list((folder / "results").glob("*_groups.parquet")), file  # made before version 2
    assert max(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 1_000_000
    for file in folder.rglob("*.ipynb"):
        text = file.read_text(encoding="utf-8")
        assert not any(place in text for place in (str(Path.home()), tempfile.gettempdir()))


@pytest.mark.slow
def test_published_runs_hold_no_text_of_the_corpora(corpora_here):
    """No eight words in a row of any corpus, in notebooks or tables."""
    from dissect import corpora

    def runs_of_words(sentences):
        for words in map(str.split, sentences):
            yield from (" ".join(words[n : n + 8]) for n in range(len(words) - 7))

    tagged = [s for part in corpora.entities("wnut16").values() for s in part] + corpora.tuning("wikigold")
    sentences = [*corpora.text("europarl"), *corpora.senses("semcor").sentences, *(s.text for s in tagged)]
    known = set(runs_of_words(sentences))
    for file in PUBLISHED.rglob("*"):
        if file.suffix == ".ipynb":
            text = [file.read_text(encoding="utf-8").replace("\\n", " ").replace('"', " ")]
        elif file.suffix == ".parquet":
            strings = pd.read_parquet(file).select_dtypes(["object", "string"])
            text = [str(value) for column in strings for value in strings[column]]
        else:
            continue
        assert known.isdisjoint(runs_of_words(text)), file
