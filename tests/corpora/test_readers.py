"""Readers on little files: what ends a sentence, what is drawn, and where its words stand."""

import zipfile
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import nltk
import pandas as pd
import pytest

from dissect import corpora
from dissect.corpora import europarl, nltk_data, semcor, teaching
from dissect.corpora.conll import read_conll
from dissect.errors import DissectError, MissingCorpus

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
    (tmp_path / "tags").write_text("New B-LOC\nYork I-LOC\n\nnow O\n\nin an hour\tB-TIME\n", encoding="utf-8")
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
        """<s snum="1"><wf lemma="the">The</wf><wf lemma="crane" lexsn="1:05:00::">crane</wf>
        <wf lemma="take_place" lexsn="2:30:00::">took_place</wf><wf> </wf><wf lexsn="5:00:00::">red</wf>
        <wf lemma="crane" lexsn="1:05:00::;1:06:00::">cranes</wf><punc>.</punc></s>"""
    )
    text, items = semcor.read_sentence(element, 7)
    assert text == "The crane took place red cranes ."  # and of the last word nobody knows the sense
    assert [(number, text[a:b], lemma, sense) for number, a, b, lemma, sense in items] == [
        (7, "crane", "crane", "crane%1:05:00::"),
        (7, "took place", "take_place", "take_place%2:30:00::"),
        (7, "red", "red", "red%5:00:00::"),
    ]


@pytest.fixture
def little_semcor(monkeypatch):
    """Forty sentences: bank has two senses in all, of which one is in a single sentence; run has one."""
    sentences = [f"bank run {n}" for n in range(40)]
    rows = [(n, 0, 4, "bank", f"bank%{2 if n == 5 else 1}", f"br-{n // 4}") for n in range(40)]
    rows += [(n, 5, 8, "run", "run%1", f"br-{n // 4}") for n in range(40)]
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
            assert item.document == f"br-{little_semcor.index(draw.sentences[item.sentence]) // 4}"


FILES = {  # two texts: bank has one sense in each, and run two of which annotators did not decide on one
    "brown1/tagfiles/br-a01.xml": """<c><s snum="1"><wf lemma="bank" lexsn="1:01::">banks</wf>
        <wf lemma="run" lexsn="2:01::">run</wf></s><s snum="2"><wf lemma="bank" lexsn="1:01::">bank</wf>
        <wf lemma="lead" lexsn="2:01::">lead</wf></s></c>""",
    "brownv/tagfiles/br-k03.xml": """<c><s snum="1"><wf lemma="bank" lexsn="1:02::">bank</wf>
        <wf lemma="run" lexsn="2:02::;2:01::" wnsn="2;1">runs</wf>
        <wf lemma="lead" lexsn="2:02::">led</wf></s></c>""",
}


@pytest.fixture
def two_texts(monkeypatch, tmp_path):
    """A SemCor of two files, and an empty cache."""
    with zipfile.ZipFile(tmp_path / "semcor.zip", "w") as archive:
        for name, content in FILES.items():
            archive.writestr(f"semcor/{name}", content)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "semcor.zip").rename(tmp_path / "corpora/semcor.zip")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(nltk_data.COPIES, "semcor", replace(nltk_data.COPIES["semcor"], many=2))
    monkeypatch.setattr(semcor, "SENTENCES", 3)


def test_words_with_several_senses_are_dropped_before_lemmas_with_one_are(two_texts):
    """Run has two senses in the files, and one among the items left."""
    corpus = corpora.senses("semcor")
    assert corpus.sentences == ["banks run", "bank lead", "bank runs led"]
    assert [(item.lemma, item.sense) for item in corpus.items] == [
        ("bank", "bank%1:01::"), ("bank", "bank%1:01::"), ("lead", "lead%2:01::"),
        ("bank", "bank%1:02::"), ("lead", "lead%2:02::"),
    ]  # fmt: skip


def test_the_document_of_an_item_is_its_file_also_from_the_cache_and_of_a_part(two_texts, monkeypatch):
    first = corpora.senses("semcor")
    assert [item.document for item in first.items] == ["br-a01"] * 3 + ["br-k03"] * 2
    monkeypatch.setattr(semcor, "parse", None)  # from the cache this time
    assert corpora.senses("semcor") == first
    of = {first.sentences[item.sentence]: item.document for item in first.items}
    parts = [corpora.senses("semcor", 2, seed) for seed in range(6)]
    assert any(part.items for part in parts)
    for part in parts:
        for item in part.items:
            assert item.document == of[part.sentences[item.sentence]]


# ---- documents of sentences ----


def test_documents_stand_beside_the_sentences_that_are_drawn(tmp_path):
    """Of Europarl's release the chapters of each file; what stands before the first is a document too."""
    (tmp_path / "ep-1.txt").write_text(
        'Before .\n<CHAPTER ID=1>\nOne .\n<P>\nTwo .\n <CHAPTER ID="002">\nThree .'
    )
    (tmp_path / "ep-2.txt").write_text("Four .\nFive <CHAPTER ID=9>\n")
    texts = corpora.text(str(tmp_path))
    assert texts == ["Before .", "One .", "Two .", "Three .", "Four .", "Five <CHAPTER ID=9>"]
    documents = corpora.documents("text", str(tmp_path))
    assert documents == ["ep-1", "ep-1 chapter 1", "ep-1 chapter 1", "ep-1 chapter 002", "ep-2", "ep-2"]
    of = dict(zip(texts, documents, strict=True))
    for seed in range(5):
        drawn = corpora.text(str(tmp_path), 4, seed)
        assert corpora.documents("text", str(tmp_path), 4, seed) == [of[sentence] for sentence in drawn]


def test_articles_are_parted_by_their_lines(tmp_path):
    tags = tmp_path / "tags"
    tags.write_text("a O\n\nb O\n\n-DOCSTART- O\n\nc O\n\nd O\n\n-DOCSTART- O\n")
    words = [sentence.text for sentence in corpora.tuning(str(tags))]
    documents = corpora.documents("tuning", str(tags))
    assert words == ["a", "b", "c", "d"]
    assert documents[0] == documents[1] != documents[2] == documents[3]
    of = dict(zip(words, documents, strict=True))
    drawn = corpora.tuning(str(tags), 3, seed=2)
    assert corpora.documents("tuning", str(tags), 3, seed=2)[0] == of[drawn[0].text]


def test_where_a_corpus_has_no_documents_each_sentence_counts_as_one(tmp_path):
    (tmp_path / "text").write_text("One .\nTwo .\n")
    (tmp_path / "tags").write_text("a O\n\nb O\n")
    assert len(set(corpora.documents("text", str(tmp_path / "text")))) == 2
    assert len(set(corpora.documents("tuning", str(tmp_path / "tags")))) == 2
    for kind, read in (("text", corpora.text), ("tuning", corpora.tuning)):
        assert len(set(corpora.documents(kind))) == len(read())
    assert not any(item.document for item in teaching.senses().items)
    with pytest.raises(DissectError, match="'senses': give 'text' or 'tuning'"):
        corpora.documents("senses")


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
