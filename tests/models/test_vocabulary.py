"""What of a text a model does not know is counted, and told once."""

import pytest

from dissect.models.vocabulary import tell_uncovered, uncovered
from dissect.runs import doctor
from dissect.runs.run import check
from dissect.runs.settings import settings_from
from tests.tokenizers_of_each_kind import byte_level, word_pieces

LINES = ["Anna went to Oslo .", "Bern is cold ."]
JAPANESE = ["東京は寒い。", "Anna は Oslo に 行った。"]


def test_unknown_pieces_are_counted_without_special_tokens():
    tokenizer = word_pieces(LINES)
    assert uncovered(tokenizer, LINES) == uncovered(tokenizer, []) == ""
    ids = [tokenizer(line, add_special_tokens=False)["input_ids"] for line in JAPANESE]
    unknown = sum(row.count(tokenizer.unk_token_id) for row in ids)
    said = uncovered(tokenizer, JAPANESE)
    assert 0 < unknown < sum(map(len, ids))
    assert said.startswith(f"{unknown} of {sum(map(len, ids))} pieces ({unknown / sum(map(len, ids)):.0%})")


def test_a_rare_character_is_not_worth_telling():
    tokenizer = word_pieces(LINES)
    assert uncovered(tokenizer, [*LINES * 40, "東"]) == ""
    assert "1 of" in uncovered(tokenizer, [*LINES, "東"])


def test_a_tokenizer_that_falls_back_to_bytes_knows_every_text():
    assert uncovered(byte_level(LINES, trim=True, prefix=False), JAPANESE) == ""


def test_it_is_told_once_for_each_corpus(capsys):
    for name in ("one.txt", "one.txt", "other.txt"):
        tell_uncovered(word_pieces(LINES), name, JAPANESE)
    said = capsys.readouterr().err
    assert said.count("one.txt: ") == said.count("other.txt: ") == 1


@pytest.fixture
def japanese(tmp_path):
    file = tmp_path / "japanese.txt"
    file.write_text("\n".join(JAPANESE * 3), encoding="utf-8")
    return file


def test_a_run_and_the_doctor_tell_it(japanese, minilm, capsys):
    settings = settings_from({"text": str(japanese), "sections": "1"})
    check(settings)
    assert f"{japanese}: " in (said := capsys.readouterr().err) and " are unknown to the model's " in said
    ((_, state, detail),) = doctor.tokens(settings, minilm)[1]
    assert state == "note" and "6 sentences, " in detail and "pieces (" in detail
    check(settings_from({"sections": "1"}))
    assert "unknown" not in capsys.readouterr().err
