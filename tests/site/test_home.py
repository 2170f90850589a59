"""The first screen: what was replicated on what and how it came out, and the frame around all pages."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image

from dissect.places import PUBLISHED, ROOT
from dissect.report import claims, published
from dissect.runs import manifest
from dissect.runs.manifest import Manifest
from dissect.site import citation, home, preview
from tests.site.test_site import THEMES, WIDTHS, opened, pages_of

SCREEN = 900  # pixels


@pytest.fixture
def told() -> Manifest:
    return manifest.required(PUBLISHED / "minilm")


def of(told: Manifest, **settings: object) -> Manifest:
    return told.model_copy(update={"settings": told.settings.model_copy(update=settings)})


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("bert-base-uncased", "replication"), ("google-bert/bert-base-uncased@main", "replication"),
        ("minilm", "transfer"), ("someone/bert-base-uncased", "transfer"), ("bert-base-cased", "transfer"),
    ],
)  # fmt: skip
def test_a_run_is_a_replication_on_the_papers_model_alone(told: Manifest, model: str, kind: str) -> None:
    one = of(told, model=model)
    assert home.kind(one) == kind and f"This is a **{kind}**" in home.rerun(one)


def test_another_model_of_the_papers_name_is_no_replication(told: Manifest) -> None:
    one = of(told, model="bert-base-uncased").model_copy(update={"card": {**published.SHAPE, "layers": "6"}})
    assert home.kind(one) == "transfer"
    assert home.kind(one.model_copy(update={"card": published.SHAPE})) == "replication"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "and the paper's corpora."),
        ({"limit": 1200}, "and the paper's corpora, at most 1,200 sentences of each."),
        ({"profile": "teach"}, "and small corpora written for teaching."),
        (
            {"profile": "small"},
            "and small corpora written for teaching, some chapters with a part of their sentences.",
        ),
        ({"text": "./my-<b>.txt"}, "my\\-\\<b\\>\\.txt for text, semcor for senses and wnut16 for entities."),
        ({"profile": "teach", "entities": "wnut16"}, "teaching for text, teaching for senses and wnut16 for"),
    ],
)
def test_the_corpora_are_those_that_were_read(told: Manifest, given: dict, said: str) -> None:
    assert said in home.rerun(of(told, **given))


def test_a_run_of_some_chapters_repeats_a_part(told: Manifest) -> None:
    some = told.model_copy(update={"chapters": {"2-visualisation": told.chapters["2-visualisation"]}})
    assert "repeats a part of the experiments" in home.rerun(some)
    assert "repeats the experiments" in home.rerun(told)


def test_what_a_model_is_called_is_no_markup(told: Manifest) -> None:
    assert "<script>" not in home.rerun(of(told, model="<script>x</script>")).replace("\\<", "")


def test_a_model_of_no_card_is_told_by_its_name(told: Manifest) -> None:
    assert "**all\\-MiniLM\\-L6\\-v2**, and" in home.rerun(told.model_copy(update={"card": {}}))


def test_every_claim_is_a_link_under_its_verdict() -> None:
    verdicts = claims.verdicts({})  # a run without tables
    assert home.outcome(verdicts, None) == (
        f"Of {len(verdicts)} claims, 0 replicated, 0 contradicted, 0 mixed, 0 undecided and "
        f"{len(verdicts)} not testable."
    )
    verdicts.loc[3:6, "verdict"] = "mixed"
    strip = home.strip(verdicts)
    assert strip.count("](#claim-") == len(verdicts) == len({one.title for one in claims.in_order()})
    assert strip.index("mixed (4)") < strip.index(claims.named(verdicts["claim"][4]).title)
    assert f"not testable ({len(verdicts) - 4})" in strip and "replicated (" not in strip


def test_the_largest_term_of_the_last_layer_is_named() -> None:
    rows = [("pretrained", layer, term, mean)
            for layer, means in ((1, (0.7, 0.1, 0.1, 0.1)), (2, (0.1, 0.6, 0.2, 0.1)))
            for term, mean in zip("ihfc", means, strict=True)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "layer", "term", "mean"])
    assert home.leading(table) == "**h**, with a share of 0.60"
    paper = published.importance()
    last = paper[(paper["model"] == paper["model"][0]) & (paper["layer"] == 12)].set_index("term")["mean"]
    assert f"in BERT it is **{last.idxmax()}**, with a share of {last.max():.2f}" in home.outcome(
        claims.verdicts({}), table
    )


# ---- citation ----


def test_bibtex_has_what_the_citation_file_has() -> None:
    source = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    ours, paper = source, source["references"][0]
    page = citation.page("2031-02-03")
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", page.partition("@article")[2], re.M))
    assert fields["doi"] == paper["doi"] and fields["year"] == str(paper["year"])
    assert fields["author"] == "Mickus, Timothee and Paperno, Denis and Constant, Mathieu"
    assert fields["pages"] == f"{paper['start']}--{paper['end']}"
    assert f"version {ours['version']}, run of 2031-02-03" in page and "year = {2031}" in page
    assert "year" not in citation.page().partition("@article")[0] and "run of" not in citation.page()
    assert "url" not in page and all(one["name"] in citation.byline("2031-02-03") for one in ours["authors"])


def test_the_foot_links_to_the_repository_where_it_is_known() -> None:
    assert "<a " not in citation.footer("2031-02-03")
    assert 'href="https://git.example.org/&quot;x"' in citation.footer("", 'https://git.example.org/"x')


def test_the_preview_has_the_size_that_others_ask_for(told: Manifest, tmp_path: Path) -> None:
    preview.draw(tmp_path / "preview.png", of(told, model="a/$b$_c"))
    assert Image.open(tmp_path / "preview.png").size == (1200, 630)


# ---- on the site ----


def test_titles_tell_pages_apart_and_all_have_a_description(site: Path) -> None:
    pages = {page: BeautifulSoup(page.read_text("utf-8"), "html.parser") for page in pages_of(site)}
    pages = {page: soup for page, soup in pages.items() if soup.select_one("article")}
    titles = [soup.title.get_text() for soup in pages.values()]
    assert len(set(titles)) == len(titles)
    plain = {"search.html", "py-modindex.html"}
    without = {page.name for page, soup in pages.items() if not soup.select_one("meta[name=description]")}
    assert without <= plain
    image = pages[site / "book" / "index.html"].select_one("meta[property='og:image']")
    assert (site / image["content"]).is_file()


def test_the_first_screen_says_what_and_how_it_came_out(browser, site: Path) -> None:
    with opened(browser, site / "book" / "index.html", WIDTHS["desktop"], THEMES[0]) as (tab, _trouble):
        seen = tab.evaluate(
            """screen => [...document.querySelectorAll(
                "article :is(h1, p, dt, a, .sd-card-title)"
            )].filter(one => {
                const box = one.getBoundingClientRect();
                return box.height && box.bottom <= screen;
            }).map(one => one.innerText)""",
            SCREEN,
        )
    text = "\n".join(seen)
    assert all(said in text for said in ("BERT", "all-MiniLM-L6-v2", "Computational Linguistics 10 (2022)"))
    assert re.search(r"Of \d+ claims, \d+ replicated, \d+ contradicted", text)
    assert {"Read the report", "Try a sentence", "See the scorecard"} <= set(seen)
    verdicts = [line for line in seen if re.match(r"[✓✗◐?–] ", line)]
    assert verdicts and "How to cite" in seen
