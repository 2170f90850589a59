"""The examples on the page on data of one's own, read by the readers that it is about."""

import re

import pytest

from dissect import corpora
from dissect.places import ROOT

PAGE = (ROOT / "book/data.md").read_text(encoding="utf-8")
# A block whose file is the last that the line above it names.
BLOCK = re.compile(r"`(?P<file>[\w.-]+)`:\n\n```(?:text|xml|json)\n(?P<content>.*?)```", re.DOTALL)
MARTA = [(["Marta", "Quill", "lives", "in", "Velmora"], ["B-PER", "I-PER", "O", "O", "B-LOC"])]
OF_TEXT = {
    "recipes.txt": "Fold in the flour, a spoon at a time.", "ep-00-01-01.txt": "The sitting is closed.",
    "subtitles.xml": "To the harbour.",
}  # fmt: skip
OF_SENSES = {
    "senses.txt": ["crane.noun.bird", "crane.noun.machine"],
    "pond.data.xml": ["crane%1:05:00::", "crane%1:06:00::"],
    "br-a01.xml": ["crane%1:05:00::", "crane%1:06:00::"],
}
OF_ENTITIES = ["two.conll", "four.conll", "numbered.tsv", "bilou.conll"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """A folder with the files of the page."""
    folder = tmp_path_factory.mktemp("page")
    for block in BLOCK.finditer(PAGE):
        (folder / block["file"]).write_text(block["content"], encoding="utf-8")
    return folder


def test_every_example_of_the_page_is_read_here(examples):
    tried = {*OF_TEXT, *OF_SENSES, "pond.gold.key.txt", *OF_ENTITIES, "questions.json"}
    assert {file.name for file in examples.iterdir()} == tried
    shown = re.findall(r"^```(?!console)\w+$", PAGE, re.MULTILINE)
    assert len(shown) == len(tried)


@pytest.mark.parametrize("name", OF_TEXT)
def test_text_on_the_page(examples, name):
    found = corpora.text(str(examples / name))
    assert found[-1] == OF_TEXT[name] and not any("<" in sentence for sentence in found)


@pytest.mark.parametrize("name", OF_SENSES)
def test_senses_on_the_page(examples, name):
    found = corpora.senses(str(examples / name))
    assert [item.sense for item in found.items] == OF_SENSES[name]
    words = [found.sentences[item.sentence][item.start : item.end].lower() for item in found.items]
    assert words[0] == "crane" and words[1].startswith("crane")


@pytest.mark.parametrize("name", OF_ENTITIES)
def test_entities_on_the_page(examples, name):
    found = corpora.tuning(str(examples / name))
    assert [(sentence.words, sentence.tags) for sentence in found] == MARTA


def test_questions_on_the_page(examples):
    (question,) = corpora.questions(str(examples / "questions.json"))
    assert question.answers == ("in the water",)
