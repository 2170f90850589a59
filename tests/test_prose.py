"""The prose keeps the house style of CONTRIBUTING.md: one name for each thing, and sentences that end."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest
from proselint.checks import __register__
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from dissect.places import ROOT
from tests.prose import Block, blocks, pages, sentences, words

AVERAGE, LONGEST = 20, 40  # words
FEW = 5  # sentences, of which no average is asked
# What is not said, and what is said instead. The options and tables so named are code, and stand as §.
VOCABULARY = {
    r"(?<!--)siblings?|kin": "fine-tuned model",
    r"classifiers?": "probe, or learned head",
    r"k-NN|(?<!\bk )(?<!§ )nearest neighbours": "kNN, which the glossary explains",
    r"runs? of (?:a|an|the|each) (?:probe|head)": "seed, for one training",
    r"re-run\w*": "rerun",
    r"whoever|whereof|thereof|whilst|nought": "plain words",
    r"parted": "split",
    r"he|his|him": "they, their, them",
}
UNSAID = {re.compile(rf"\b(?:{word})\b", re.IGNORECASE): instead for word, instead in VOCABULARY.items()}
# Symbols are Markdown's to set, and "very" is a word of claims.
CHECKS = DEFAULT | {"checks": DEFAULT["checks"] | {"typography": False, "weasel_words": False}}

CheckRegistry().register_many(__register__)  # what the command does first

JAPANESE = "book/ja.md"
ENGLISH = {name: page for name, page in pages().items() if name != JAPANESE}
BY_PAGE = pytest.mark.parametrize("name", ENGLISH)


def against(said: str) -> list[str]:
    """What the vocabulary has against a text."""
    found = ((word.search(said), instead) for word, instead in UNSAID.items())
    return [f"{word[0]!r}: say {instead}" for word, instead in found if word]


def lengths(page: list[Block]) -> list[int]:
    return [len(words(one)) for block in page if block.running for one in sentences(block.text)]


@BY_PAGE
def test_each_thing_goes_by_one_name(name: str) -> None:
    assert not [complaint for block in ENGLISH[name] for complaint in against(block.text)]


@BY_PAGE
def test_no_sentence_runs_on(name: str) -> None:
    said = [one for block in ENGLISH[name] for one in sentences(block.text)]
    assert not [one for one in said if len(words(one)) > LONGEST]


@BY_PAGE
def test_sentences_are_short_on_average(name: str) -> None:
    found = lengths(ENGLISH[name])
    assert len(found) < FEW or mean(found) <= AVERAGE, f"{mean(found):.1f} words"


@BY_PAGE
def test_proselint_has_nothing_against_a_page(name: str) -> None:
    text = "\n\n§\n\n".join(["§", *(block.text for block in ENGLISH[name])])  # two headings are no echo
    assert not [found.check_result for found in LintFile(name, text).lint(CHECKS)]


# ---- what the program prints into pages ----


def printed(module: Path) -> Iterator[str]:
    """The strings of a module that are sentences, but for docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            if len(re.findall(r"[^\W\d_]{2,}", node.value)) > 2:
                yield node.value


@pytest.mark.parametrize("room", ["cli", "report", "runs", "site", "teaching"])
def test_printed_sentences_call_things_by_the_same_names(room: str) -> None:
    said = {place: list(printed(place)) for place in (ROOT / "dissect" / room).rglob("*.py")}
    assert sum(map(len, said.values())) > 10
    assert not {place.name: found for place in said for text in said[place] if (found := against(text))}


# ---- the check itself ----


@pytest.mark.parametrize("text", ["its siblings", "BERT and its kin", "classifiers", "nearest neighbours"])
def test_another_name_is_noticed(text: str) -> None:
    assert against(text)


@pytest.mark.parametrize("text", ["its nearest neighbour", "k nearest neighbours", "kind", "`--siblings`"])
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert not [complaint for block in blocks(text) for complaint in against(block.text)]


def test_prose_is_read_where_readers_see_it() -> None:
    page = """---
title: no prose
---
# A heading

One sentence. Two, with `code` and {term}`words <word>`.

:::{figure} a.png
:name: fig
The caption.
:::

```python
code = "no prose"
```

> Others' words.

| head |
|---|
| a cell |
"""
    assert list(blocks(page)) == [
        Block("A heading", False),
        Block("One sentence. Two, with § and words.", True),
        Block("The caption.", True),
        Block("head", False),
        Block("a cell", False),
    ]


def test_sentences_end_where_they_end() -> None:
    said = 'It holds. See e.g. chapter 4. "Does it?" (It does.) It is 0.5, i.e. half.'
    assert [len(words(one)) for one in sentences(said)] == [2, 4, 2, 2, 5]
