"""Questions in SQuAD's format: read, checked and drawn by passage; what the teaching set promises."""

import copy
import json
import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from dissect import corpora
from dissect.corpora import squad, teaching
from dissect.errors import DissectError, MissingCorpus

PASSAGE = "Anna went to Oslo in May . Ümit stayed in Oslo ."
GOOD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Trips",
            "paragraphs": [
                {
                    "context": PASSAGE,
                    "qas": [
                        {
                            "id": "a", "question": " Where did Anna go?", "is_impossible": False,
                            "answers": [
                                {"text": "Oslo", "answer_start": 13}, {"text": "to Oslo", "answer_start": 10},
                            ],
                        },
                        {
                            "id": "b", "question": "Who stayed?", "is_impossible": False,
                            "answers": [{"text": "Ümit", "answer_start": 27}],
                        },
                        {
                            "id": "c", "question": "How did Anna go?", "is_impossible": True, "answers": [],
                            "plausible_answers": [{"text": "Oslo", "answer_start": 13}],
                        },
                    ],
                }
            ],
        }
    ],
}  # fmt: skip


def written(tmp_path, data, name="some.json"):
    (tmp_path / name).write_text(json.dumps(data), encoding="utf-8")
    return tmp_path / name


def asked(data):
    return data["data"][0]["paragraphs"][0]["qas"]


def test_questions_are_read_with_all_their_answers(tmp_path):
    first, second, third = corpora.questions(str(written(tmp_path, GOOD)))
    assert (first.name, first.question, first.passage) == ("a", "Where did Anna go?", PASSAGE)
    assert first.answers == ("Oslo", "to Oslo") and first.starts == (13, 10)
    assert PASSAGE[second.starts[0] :].startswith("Ümit")
    assert third.answers == ()
    assert first.text == f"Where did Anna go? {PASSAGE}"


def test_version_1_says_nothing_of_impossible_questions(tmp_path):
    data = copy.deepcopy(GOOD)
    asked(data).pop()
    for question in asked(data):
        del question["is_impossible"]
    assert len(corpora.questions(str(written(tmp_path, data)))) == 2


def moved(data):
    asked(data)[0]["answers"][0]["answer_start"] = 14


def behind_the_end(data):
    asked(data)[0]["answers"][0]["answer_start"] = 10**6


def before_the_beginning(data):
    asked(data)[0]["answers"][0]["answer_start"] = -3


def both(data):
    asked(data)[0]["is_impossible"] = True


def neither(data):
    asked(data)[2]["is_impossible"] = False


def twice(data):
    asked(data)[1]["id"] = "a"


def no_answer_text(data):
    asked(data)[0]["answers"][0]["text"] = ""


def no_question(data):
    del asked(data)[0]["question"]


def text_for_a_number(data):
    asked(data)[0]["answers"][0]["answer_start"] = "13"


def nothing(data):
    data["data"] = []


def not_a_list(data):
    data["data"][0]["paragraphs"] = "none"


DAMAGE = {
    moved: "question 'a': the passage has 'slo ' at character 14, not the answer 'Oslo'",
    behind_the_end: "question 'a': the passage has '' at character 1000000",
    before_the_beginning: "answers.0.answer_start: ",
    both: "question 'a': it has answers and is_impossible",
    neither: "question 'c': it has no answer and is not is_impossible",
    twice: "2 questions with the id 'a'",
    no_answer_text: "answers.0.text: ",
    no_question: "qas.0.question: Field required",
    text_for_a_number: "answers.0.answer_start: ",
    nothing: "has no questions",
    not_a_list: "data.0.paragraphs: ",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_told_in_one_sentence(damage, tmp_path):
    data = copy.deepcopy(GOOD)
    damage(data)
    with pytest.raises(DissectError, match=re.escape(DAMAGE[damage])) as told:
        corpora.questions(str(written(tmp_path, data)))
    assert "\n" not in str(told.value) and "some.json" in str(told.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"data": 3}', b"null"])
def test_what_is_no_json_of_squads_is_told(content, tmp_path):
    (tmp_path / "some.json").write_bytes(content)
    with pytest.raises(DissectError, match="damaged or not in SQuAD's JSON format") as told:
        corpora.questions(str(tmp_path / "some.json"))
    assert "\n" not in str(told.value)


def test_squad_is_looked_for_in_the_data_folder_the_second_version_first(tmp_path, monkeypatch):
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path))
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    assert corpora.squad_at_hand() is None
    with pytest.raises(MissingCorpus, match="squad/train-v2.0.json is not in the data folder .* teaching"):
        corpora.questions("squad")
    (tmp_path / "cache" / "data" / "squad").mkdir(parents=True)
    written(tmp_path / "cache" / "data", GOOD, "squad/train-v1.1.json")
    assert len(corpora.questions("squad")) == 3
    (tmp_path / "squad").mkdir()
    fewer = copy.deepcopy(GOOD)
    asked(fewer).pop()
    written(tmp_path, fewer, "squad/train-v2.0.json")
    assert len(corpora.questions("squad")) == 2
    with pytest.raises(DissectError, match="no questions under 'nonsense'"):
        corpora.questions("nonsense")


def test_a_draw_takes_whole_passages_at_random():
    every = corpora.questions()
    drawn = corpora.questions(limit=50)
    assert len(drawn) == 50 and set(drawn) <= set(every)
    whole = Counter(q.passage for q in every)
    taken = Counter(q.passage for q in drawn)
    assert sum(taken[passage] < whole[passage] for passage in taken) <= 1
    assert drawn != every[:50] and drawn == corpora.questions(limit=50)
    assert drawn != corpora.questions(limit=50, seed=1)
    assert corpora.questions(limit=10**6) == every
    with pytest.raises(DissectError, match="limit=0"):
        corpora.questions(limit=0)


# ---- the teaching questions ----


@pytest.fixture(scope="module")
def questions():
    return squad.teaching()


def test_there_are_many_questions_on_many_passages_and_a_fifth_has_no_answer(questions):
    passages = Counter(question.passage for question in questions)
    assert len(questions) >= 300 and len(passages) >= 50
    assert min(passages.values()) >= 6
    assert all(60 <= len(passage.split()) <= 110 for passage in passages)
    without = sum(not question.answers for question in questions)
    assert 0.2 <= without / len(questions) <= 0.35
    of_passage = Counter(question.passage for question in questions if not question.answers)
    assert set(of_passage) == set(passages)  # each has one at least


def test_answers_are_whole_words_of_the_passage_and_short(questions):
    for question in questions:
        assert len(set(question.answers)) == len(question.answers), question.name
        for answer, start in zip(question.answers, question.starts, strict=True):
            end = start + len(answer)
            assert question.passage[start:end] == answer
            assert answer == answer.strip() and len(answer.split()) <= 15
            around = question.passage[start - 1 : start] + question.passage[end : end + 1]
            assert not any(character.isalnum() for character in around), question.name


def test_several_answers_to_a_question_overlap(questions):
    """They are wordings of one answer, unless the passage gives it twice."""
    apart = 0
    for question in questions:
        spans = [(s, s + len(a)) for a, s in zip(question.answers, question.starts, strict=True)]
        apart += any(max(spans[0][0], a) >= min(spans[0][1], b) for a, b in spans)
    assert apart <= 2


def test_no_question_and_no_passage_comes_twice_or_nearly(questions):
    for texts, most in (
        ([q.question for q in questions], 0.85), (list({q.passage: 0 for q in questions}), 0.4)
    ):  # fmt: skip
        plain = [re.sub(r"\W+", " ", text.lower()).strip() for text in texts]
        assert len(set(plain)) == len(plain)
        vectors = TfidfVectorizer(token_pattern=r"\w+").fit_transform(plain)
        close = (vectors @ vectors.T).tocoo()
        pairs = [(texts[a], texts[b]) for a, b, value in zip(close.row, close.col, close.data, strict=True)
                 if a < b and value > most]  # fmt: skip
        assert not pairs


def test_questions_are_asked_in_many_ways(questions):
    words = Counter(question.question.lower().split()[0] for question in questions)
    for word in ("who", "what", "when", "where", "why", "how", "which"):
        assert words[word] >= 8, word
    assert (
        Counter(q.question.lower().split()[1] for q in questions if q.question.startswith("How"))["many"]
        >= 15
    )
    openings = Counter(tuple(question.question.lower().split()[:4]) for question in questions)
    assert max(openings.values()) <= 6, openings.most_common(3)
    assert all(question.question.endswith("?") for question in questions)


def test_a_question_alone_does_not_tell_that_it_has_no_answer(questions):
    """A classifier of the words of questions, cross-validated, does no better than always yes."""
    x = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(
        [q.question for q in questions]
    )
    y = np.array([bool(q.answers) for q in questions])
    said = cross_val_predict(LogisticRegression(C=3, max_iter=500), x, y, cv=10)
    assert (said == y).mean() < y.mean() + 0.03


def test_the_file_is_squads_second_version(questions):
    data = json.loads((teaching.FOLDER / "questions.json").read_text(encoding="utf-8"))
    assert data["version"] == "v2.0" and set(data) == {"version", "data"}
    for article in data["data"]:
        assert set(article) == {"title", "paragraphs"}
        for paragraph in article["paragraphs"]:
            assert set(paragraph) == {"context", "qas"}
            assert {frozenset(asked) for asked in paragraph["qas"]} == {
                frozenset({"id", "question", "answers", "is_impossible"})
            }
    titles = [article["title"] for article in data["data"]]
    assert len(set(titles)) == len(titles)
