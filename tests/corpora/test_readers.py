"""Readers on little files: what ends a sentence, what is drawn, and where its words stand."""

from collections import Counter
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import pandas as pd
import pytest

from dissect import corpora
from dissect.corpora import europarl, semcor, teaching
from dissect.corpora.conll import read_conll
from dissect.errors import MissingCorpus

ENDS = ["", "\n", "\n\n", "\r\n", "\n \n"]


@pytest.mark.parametrize("end", ENDS)
def test_the_last_sentence_is_read_however_its_file_ends(tmp_path, end):
    (tmp_path / "tags").write_bytes(("Anna\tB-PER\n\nBen\tB-PER\nran\tO" + end).encode())
    assert [s.text for s in read_conll(tmp_path / "tags")] == ["Anna", "Ben ran"]
    assert [s.text for s in corpora.tuning(str(tmp_path / "tags"))] == ["Anna", "Ben ran"]
    (tmp_path / "text").write_bytes(("One .\nTwo ." + end).encode())
    assert corpora.text(str(tmp_path / "text")) == ["One .", "Two ."]
    for name in ("a", "b"):
        (tmp_path / f"{name}.en").write_bytes((f"<CHAPTER ID=1>\n{name} one .\n{name} two ." + end).encode())
    assert corpora.text(str(tmp_path)) == ["a one .", "a two .", "b one .", "b two ."]


def test_every_sentence_has_its_own_words_and_tags(tmp_path):
    (tmp_path / "tags").write_text("New B-LOC\nYork I-LOC\n\nnow O\n\nin an hour B-TIME\n", encoding="utf-8")
    found = [(s.words, s.tags) for s in read_conll(tmp_path / "tags")]
    assert found == [
        (["New", "York"], ["B-LOC", "I-LOC"]), (["now"], ["O"]), (["in an hour"], ["B-TIME"])
    ]  # fmt: skip


def test_a_wrong_line_is_counted_from_one(tmp_path):
    (tmp_path / "tags").write_text("word\n", encoding="utf-8")
    with pytest.raises(MissingCorpus, match="line 1:"):
        read_conll(tmp_path / "tags")


def test_words_stand_where_their_spans_say():
    sentence = corpora.TaggedSentence(["I", "'m", "in", "New", "York"], ["O"] * 5)
    assert [sentence.text[a:b] for a, b in sentence.spans()] == sentence.words


def test_markup_is_no_sentence():
    assert europarl.sentences("<P>\n I declare <b>it</b> .\n<SPEAKER ID=1 NAME='x'>\n") == [
        "I declare <b>it</b> ."
    ]


# ---- drawing ----


def test_a_sample_is_drawn_from_everywhere_and_nothing_twice(tmp_path):
    lines = [f"line {n} ." for n in range(200)]
    (tmp_path / "text").write_text("\n".join(lines), encoding="utf-8")
    draws = [corpora.text(str(tmp_path / "text"), 50, seed) for seed in range(3)]
    for draw in draws:
        assert len(set(draw)) == 50 and set(draw) <= set(lines)
        places = [lines.index(line) for line in draw]
        assert min(places) < 40 and max(places) > 160
    assert draws[0] != draws[1] != draws[2]
    assert corpora.text(str(tmp_path / "text"), 200) == lines  # nothing to draw


def test_parts_are_read_from_the_files_of_their_names(tmp_path):
    for part in ("train", "dev", "test"):
        (tmp_path / part).write_text(f"{part}\tO\n", encoding="utf-8")
    parts = corpora.entities(str(tmp_path))
    assert {part: [s.text for s in of] for part, of in parts.items()} == {
        "train": ["train"], "dev": ["dev"], "test": ["test"]
    }  # fmt: skip


def test_the_half_for_probing_is_parted_sixty_twenty_and_twenty():
    parts = corpora.entities()
    total = sum(map(len, parts.values()))
    assert len(parts["train"]) == int(0.6 * total)
    assert abs(len(parts["dev"]) - len(parts["test"])) <= 1
    texts = [{s.text for s in part} for part in parts.values()]
    assert all(a.isdisjoint(b) for a, b in [*pairwise(texts), (texts[0], texts[2])])
    assert corpora.entities(seed=1) == parts  # parted once and for all


def test_half_of_the_teaching_entities_is_tuned_on():
    assert len(corpora.tuning()) == len(teaching.entities()) // 2


# ---- SemCor ----


def test_a_sentence_of_semcor():
    element = fromstring(
        """<s snum="1"><wf lemma="the">The</wf><wf lemma="crane" lexsn="1:05:00::;1:06:00::">crane</wf>
        <wf lemma="take_place" lexsn="2:30:00::">took_place</wf><wf> </wf><wf lexsn="5:00:00::">red</wf>
        <punc>.</punc></s>"""
    )
    text, items = semcor.read_sentence(element, 7)
    assert text == "The crane took place red ."
    assert [(number, text[a:b], lemma, sense) for number, a, b, lemma, sense in items] == [
        (7, "crane", "crane", "crane%1:05:00::"),
        (7, "took place", "take_place", "take_place%2:30:00::"),
        (7, "red", "red", "red%5:00:00::"),
    ]


@pytest.fixture
def little_semcor(monkeypatch):
    """Forty sentences: bank has two senses in all, of which one is in a single sentence; run has one."""
    sentences = [f"bank run {n}" for n in range(40)]
    rows = [(n, 0, 4, "bank", f"bank%{2 if n == 5 else 1}") for n in range(40)]
    rows += [(n, 5, 8, "run", "run%1") for n in range(40)]
    table = pd.DataFrame(rows, columns=semcor.ITEM)
    monkeypatch.setattr(semcor, "parsed", lambda: (sentences, table))
    return sentences


def test_words_count_that_have_two_senses_in_what_was_drawn(little_semcor):
    assert {item.lemma for item in semcor.senses().items} == {"bank"}
    draws = [semcor.senses(20, seed) for seed in range(6)]
    assert len({tuple(draw.sentences) for draw in draws}) == 6
    with_both = [draw for draw in draws if little_semcor[5] in draw.sentences]
    assert 0 < len(with_both) < 6
    for draw in draws:
        assert len(draw.items) == (20 if draw in with_both else 0)
        assert draw.sentences != little_semcor[:20]
        for item in draw.items:
            assert item.sense == ("bank%2" if draw.sentences[item.sentence] == little_semcor[5] else "bank%1")


def test_a_sense_of_the_teaching_corpus_is_one_of_its_word_and_part_of_speech():
    senses = teaching.senses()
    lemmas = Counter(item.lemma for item in senses.items)
    for item in senses.items:
        word, pos, _ = item.sense.split(".")
        assert item.lemma == f"{word}.{pos}"
        before, after = (
            senses.sentences[item.sentence][: item.start],
            senses.sentences[item.sentence][item.end :],
        )
        assert not before[-1:].isalpha() and not after[:1].isalpha()
    assert len(lemmas) > len({lemma.split(".")[0] for lemma in lemmas}) or len(lemmas) > 20
