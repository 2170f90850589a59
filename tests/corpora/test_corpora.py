"""The readers against counts made otherwise, and the teaching corpus against its own promises."""

import hashlib
import html
import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from dissect import corpora
from dissect.corpora import files, teaching
from dissect.corpora.conll import read_conll
from dissect.corpora.schemes import to_bio
from dissect.errors import DissectError, MissingCorpus


@pytest.fixture(scope="module")
def senses():
    return teaching.senses()


@pytest.fixture(scope="module")
def entities():
    return teaching.entities()


def test_senses_are_many_and_balanced(senses):
    of_lemma = {}
    for item in senses.items:
        of_lemma.setdefault(item.lemma, Counter())[item.sense] += 1
    assert len(of_lemma) >= 24
    assert {lemma.split(".")[1] for lemma in of_lemma} == {"noun", "verb", "adjective"}
    for lemma, counts in of_lemma.items():
        assert 2 <= len(counts) <= 4, lemma
        assert min(counts.values()) >= 12, lemma
        assert max(counts.values()) <= 1.25 * min(counts.values()), lemma
    assert set(senses.glosses) == {item.sense for item in senses.items}
    assert all(len(gloss.split()) > 1 and "\n" not in gloss for gloss in senses.glosses.values())


def test_marked_words_are_forms_of_their_lemma(senses):
    irregular = {"ran": "run", "drew": "draw", "drawn": "draw", "broke": "break", "broken": "break",
                 "bore": "bear", "borne": "bear", "born": "bear"}  # fmt: skip
    for item in senses.items:
        word = senses.sentences[item.sentence][item.start : item.end]
        lemma = item.lemma.split(".")[0]
        assert re.fullmatch(r"[A-Za-z]+", word), word
        form = irregular.get(word.lower(), word.lower())
        assert form.startswith(lemma[:-1]), (word, item.sense)


def every_sentence():
    return teaching.text()


def test_no_sentence_comes_twice_or_nearly():
    sentences = every_sentence()
    plain = [re.sub(r"\W+", " ", s.lower()).strip() for s in sentences]
    assert len(set(plain)) == len(plain)
    vectors = TfidfVectorizer(analyzer="word", token_pattern=r"\w+", ngram_range=(1, 2)).fit_transform(plain)
    close = (vectors @ vectors.T).tocoo()
    pairs = [
        (sentences[a], sentences[b])
        for a, b, value in zip(close.row, close.col, close.data, strict=True)
        if a < b and value > 0.7
    ]
    assert not pairs


def test_no_frame_is_used_again_and_again():
    """Templates would show as the same opening words in many sentences."""
    openings = Counter(tuple(s.lower().split()[:4]) for s in every_sentence())
    assert max(openings.values()) <= 6, openings.most_common(3)


def test_neighbouring_words_do_not_give_the_senses_away(senses):
    """A bag of the words around the target, a classifier a lemma, cross-validated."""
    rng = np.random.default_rng(0)
    right = total = 0
    for lemma in sorted({item.lemma for item in senses.items}):
        items = [item for item in senses.items if item.lemma == lemma]
        bags = []
        for item in items:
            sentence = senses.sentences[item.sentence]
            before = sentence[: item.start].split()[-4:]
            after = sentence[item.end :].split()[:4]
            bags.append(" ".join(before + after))
        labels = np.array([item.sense for item in items])
        x = CountVectorizer(token_pattern=r"\w+").fit_transform(bags)
        fold = rng.permutation(len(items)) % 5
        for k in range(5):
            model = LogisticRegression(max_iter=500).fit(x[fold != k], labels[fold != k])
            right += (model.predict(x[fold == k]) == labels[fold == k]).sum()
            total += (fold == k).sum()
    assert right / total < 0.8


def test_entities_are_legal_bio_of_four_types(entities):
    assert len(entities) >= 400
    types = Counter()
    for sentence in entities:
        assert len(sentence.words) == len(sentence.tags)
        for before, tag in pairwise(["O", *sentence.tags]):
            assert re.fullmatch(r"O|[BI]-(PER|ORG|LOC|PROD)", tag)
            if tag.startswith("I-"):
                assert before[2:] == tag[2:], sentence.text
            types[tag[2:]] += tag.startswith("B-")
    counts = [types[name] for name in ("PER", "ORG", "LOC", "PROD")]
    assert min(counts) >= 100 and max(counts) < 3 * min(counts)


def test_entities_hold_hard_cases(entities):
    names = {}
    lower = 0
    for sentence in entities:
        for text, kind in spans_of(sentence):
            names.setdefault(text.lower(), set()).add(kind)
            lower += text == text.lower() and text.isascii()
    assert sum(len(kinds) > 1 for kinds in names.values()) >= 10
    assert lower >= 30
    common = {"will", "rose", "hope", "apple", "target", "gap", "nice", "reading", "bath", "orange",
              "shell", "it", "her", "friends"}  # fmt: skip
    assert len(common & set(names)) >= 6
    assert sum(s.words[0].islower() for s in entities) >= 60  # as in chats and tweets


def spans_of(sentence):
    found = []
    for word, tag in zip(sentence.words, sentence.tags, strict=True):
        if tag.startswith("B-"):
            found.append([word, tag[2:]])
        elif tag.startswith("I-"):
            found[-1][0] += " " + word
    return found


def test_the_half_for_tuning_and_the_half_for_probing_are_apart():
    tuned = {s.text for s in corpora.tuning()}
    parts = corpora.entities()
    texts = [{s.text for s in parts[name]} for name in ("train", "dev", "test")]
    assert all(tuned.isdisjoint(part) for part in texts)
    assert len(set.union(*texts)) == sum(map(len, texts))
    assert len(tuned) + sum(map(len, texts)) == len(teaching.entities())


def test_sampling_is_seeded():
    assert corpora.text(limit=20, seed=1) == corpora.text(limit=20, seed=1)
    assert corpora.text(limit=20, seed=1) != corpora.text(limit=20, seed=2)


def test_conll_lines(tmp_path):
    path = tmp_path / "some"
    path.write_text("Anna\tB-PER\n\u2028odd\tO\n\nI B-LOC\r\nam O\n\n\n", encoding="utf-8")
    first, second = read_conll(path)
    assert first.words == ["Anna", "odd"] and second.tags == ["B-LOC", "O"]
    assert [first.text[a:b] for a, b in first.spans()] == first.words


@pytest.mark.parametrize("line", ["word", "word\tX-PER", "word\tB-", "\tO", "word B PER"])
def test_a_wrong_line_is_named(tmp_path, line):
    path = tmp_path / "some"
    path.write_text(f"Anna\tB-PER\n{line}\n", encoding="utf-8")
    with pytest.raises(MissingCorpus, match="line 2"):
        read_conll(path)


def test_bio_of_iob1():
    assert to_bio(["I-A", "I-B", "B-B", "O", "I-A"]) == ["B-A", "B-B", "B-B", "O", "B-A"]


def no_network(*args, **options):
    raise OSError("no network")


def test_missing_corpora_say_what_to_do(monkeypatch, tmp_path):
    import nltk

    monkeypatch.delenv("DISSECT_DATA", raising=False)
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(nltk, "download", lambda *args, **options: False)
    monkeypatch.setattr("pooch.retrieve", no_network)
    for read in (lambda: corpora.text("europarl"), lambda: corpora.senses("semcor")):
        with pytest.raises(MissingCorpus, match="nltk.downloader"):
            read()
    with pytest.raises(MissingCorpus, match="DISSECT_DATA"):
        corpora.entities("wnut16")
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(MissingCorpus, match="does not exist"):
        corpora.entities("wnut16")
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path))
    with pytest.raises(MissingCorpus, match="wnut16/train is not in .*no network"):
        corpora.entities("wnut16")
    assert all("could not" in where for _, where in corpora.fetch())
    (tmp_path / "train").write_text("a\tO\n")
    with pytest.raises(MissingCorpus, match="dev is not in"):
        corpora.entities(str(tmp_path))
    (tmp_path / "release").mkdir()
    with pytest.raises(MissingCorpus, match=r"expected files \*.en"):
        corpora.text(str(tmp_path / "release"))
    with pytest.raises(MissingCorpus, match="no text under"):
        corpora.text(str(tmp_path / "none.txt"))
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(DissectError, match="empty"):
        corpora.text(str(tmp_path / "empty.txt"))
    for read in (corpora.senses, corpora.entities, corpora.tuning):
        with pytest.raises(DissectError, match="'teaching'"):
            read("nonsense")


def test_a_damaged_zip_is_named(monkeypatch, tmp_path):
    import nltk

    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "semcor.zip").write_bytes(b"PK\x03\x04 half a file")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(MissingCorpus, match="semcor is damaged"):
        corpora.senses("semcor")


def test_a_corpus_of_nltk_without_some_of_its_files_is_not_read(monkeypatch, tmp_path):
    import nltk

    english = tmp_path / "corpora/europarl_raw/english"
    english.mkdir(parents=True)
    (english / "ep-00-01-17.en").write_text("One sentence .\n", encoding="utf-8")
    tagged = tmp_path / "corpora/semcor/brown1/tagfiles"
    tagged.mkdir(parents=True)
    (tagged / "br-a01.xml").write_text("<c><s snum='1'><wf>One</wf></s></c>", encoding="utf-8")
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(MissingCorpus, match="europarl_raw is damaged .it has 1 files of 10.*dissect fetch"):
        corpora.text("europarl")
    with pytest.raises(MissingCorpus, match="semcor is damaged .it has 1 files of 352"):
        corpora.senses("semcor")


def altered(archive, out, change):
    """The zip of a corpus with its first file of text changed."""
    import zipfile

    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as other:
        first = min(n for n in whole.namelist() if re.search(r"/(br|ep)-.*", n))
        for name in whole.namelist():
            content = whole.read(name)
            other.writestr(name, change(content) if name == first else content)


@pytest.mark.slow
def test_another_copy_of_a_corpus_of_nltk_is_told(corpora_here, shared, monkeypatch, tmp_path, capsys):
    """One letter of Europarl, one sentence of SemCor: the first is told, the second refused."""
    import nltk

    assert [corpora.another_copy(name) for name in ("europarl", "semcor", "wnut16", "teaching")] == [None] * 4
    there = shared / "nltk_data/corpora"
    (tmp_path / "corpora").mkdir()
    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    altered(there / "europarl_raw.zip", tmp_path / "corpora/europarl_raw.zip", lambda b: b"r" + b[1:])
    altered(
        there / "semcor.zip", tmp_path / "corpora/semcor.zip",
        lambda b: re.sub(rb"<s snum.*?</s>", b"", b, count=1, flags=re.S),
    )  # fmt: skip
    said = corpora.another_copy("europarl")
    assert re.search("europarl_raw.zip is not the copy .*numbers may differ.*dissect fetch", said)
    assert len(corpora.text("europarl")) == 16142
    assert dict(corpora.fetch())["semcor"].endswith("semcor.zip")
    assert "semcor.zip is not the copy" in capsys.readouterr().err
    with pytest.raises(MissingCorpus, match="semcor is damaged .it has 37175 sentences of 37176"):
        corpora.senses("semcor")


def test_without_a_network_a_download_ends_in_one_sentence(monkeypatch, tmp_path, capfd):
    """NLTK's own downloader, which has its own words for it."""
    import nltk

    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(nltk.downloader.Downloader, "DEFAULT_URL", "http://127.0.0.1:9/index.xml")
    monkeypatch.setattr(nltk.downloader._downloader, "_url", "http://127.0.0.1:9/index.xml")
    with pytest.raises(MissingCorpus, match="could not download it"):
        corpora.text("europarl")
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def served(monkeypatch, tmp_path):
    """A little web server for a file of entities, and empty folders to look in before it."""
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    home = tmp_path / "home"
    home.mkdir()
    (home / "train").write_text("Anna\tB-person\n", encoding="utf-8")
    handler = partial(SimpleHTTPRequestHandler, directory=str(home))
    handler.func.log_message = lambda *args: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/train"
        sha256 = hashlib.sha256((home / "train").read_bytes()).hexdigest()
        monkeypatch.setitem(files.SOURCES, "wnut16/train", files.Source(url, sha256))
        monkeypatch.setenv("DISSECT_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("DISSECT_DATA", raising=False)
        yield home / "train"
        server.shutdown()


def test_a_file_is_downloaded_once_and_the_data_folder_comes_first(served, monkeypatch, tmp_path):
    path = files.find("wnut16/train")
    assert path == tmp_path / "cache/data/wnut16/train" and path.read_bytes() == served.read_bytes()
    content = served.read_bytes()
    served.unlink()
    assert files.find("wnut16/train") == path
    (tmp_path / "mine/wnut16").mkdir(parents=True)
    (tmp_path / "mine/wnut16/train").write_bytes(content)
    monkeypatch.setenv("DISSECT_DATA", str(tmp_path / "mine"))
    assert files.find("wnut16/train") == tmp_path / "mine/wnut16/train"


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b + b"x", lambda b: b""])
def test_an_altered_or_half_downloaded_file_is_never_read(served, tmp_path, damage):
    path = files.find("wnut16/train")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MissingCorpus, match="altered or was cut short .*: delete it and run dissect fetch"):
        files.find("wnut16/train")
    path.unlink()
    served.write_bytes(damage(served.read_bytes()))
    with pytest.raises(MissingCorpus, match="could not be downloaded"):
        files.find("wnut16/train")
    assert not path.exists()


def test_europarl_as_its_authors_release_it(tmp_path):
    (tmp_path / "europarl-v7.de-en.en").write_text("Resumption\n<CHAPTER ID=1>\n\n I declare .\n")
    assert corpora.text(str(tmp_path)) == ["Resumption", "I declare ."]


def test_semcor_with_entities_that_grow_is_refused(monkeypatch, tmp_path):
    import zipfile

    import nltk

    bomb = '<!DOCTYPE s [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><s><wf>&b;</wf></s>'
    (tmp_path / "corpora").mkdir()
    with zipfile.ZipFile(tmp_path / "corpora/semcor.zip", "w") as archive:
        archive.writestr("semcor/brown1/tagfiles/br-a01.xml", bomb)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    with pytest.raises(MissingCorpus, match="Entities"):
        corpora.senses("semcor")


@pytest.mark.slow
def test_real_text_and_entities(corpora_here, shared):
    lines = corpora.text("europarl")
    assert len(lines) == 16142
    parts = corpora.entities("wnut16")
    for name, sentences in parts.items():
        raw = (shared / "wnut16" / name).read_bytes().decode()
        assert sum(len(s.words) for s in sentences) == sum(bool(x.strip()) for x in raw.split("\n"))
        assert sum(t[0] == "B" for s in sentences for t in s.tags) == raw.count("\tB-")
    assert all("\t" not in s.text for s in corpora.tuning("wikigold"))
    assert len(set(corpora.documents("text", "europarl"))) == 10
    articles = corpora.documents("tuning", "wikigold")
    words = [s.words[0] for s in corpora.tuning("wikigold")]
    assert len(set(articles)) == 145 and "-DOCSTART-" not in words


@pytest.mark.slow
def test_a_random_part_of_semcor_keeps_its_items_in_their_sentences(corpora_here):
    whole, part = corpora.senses("semcor"), corpora.senses("semcor", 500)
    assert len(part.sentences) == 500 and part == corpora.senses("semcor", 500)
    assert part.sentences != corpora.senses("semcor", 500, seed=1).sentences
    words = {(i.sense, whole.sentences[i.sentence], i.start, i.end) for i in whole.items}
    assert len(part.items) > 500
    assert {(i.sense, part.sentences[i.sentence], i.start, i.end) for i in part.items} <= words
    lemmas = Counter(lemma for lemma, _ in {(i.lemma, i.sense) for i in part.items})
    assert min(lemmas.values()) > 1
    for item in part.items:
        assert part.sentences[item.sentence][item.start : item.end].strip()


@pytest.mark.slow
def test_all_of_semcor_matches_an_independent_count(corpora_here, shared):
    """The whole corpus by regular expressions; and what the most frequent sense gets right."""
    import zipfile

    from dissect.experiments.word_senses import corpus_table

    keys, sentences, several_keys = [], 0, 0
    documents: Counter[str] = Counter()
    with zipfile.ZipFile(shared / "nltk_data/corpora/semcor.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".xml"):
                raw = archive.read(name).decode()
                sentences += len(re.findall(r"<s snum=", raw))
                for tag in re.findall(r"<wf [^>]*lexsn=[^>]*>", raw):
                    lemma = html.unescape(re.search(r'lemma="([^"]*)"', tag)[1])
                    key, number = (re.search(rf'{of}="([^"]*)"', tag)[1] for of in ("lexsn", "wnsn"))
                    assert (";" in key) == (";" in number)
                    if ";" in key:
                        several_keys += 1
                    else:
                        keys.append((lemma, key, re.search(r"br-\w+", name)[0]))
    assert several_keys == 703  # as the paper's authors dropped
    senses_of = defaultdict(Counter)
    for lemma, key, _ in keys:
        senses_of[lemma][key] += 1
    documents.update(document for lemma, _, document in keys if len(senses_of[lemma]) > 1)
    several = {lemma: senses for lemma, senses in senses_of.items() if len(senses) > 1}

    corpus = corpora.senses("semcor")
    assert len(corpus.sentences) == sentences == 37176
    assert len(corpus.items) == sum(senses.total() for senses in several.values())
    assert Counter(item.document for item in corpus.items) == documents and len(documents) == 352
    assert corpora.senses("semcor") == corpus  # from the cache this time
    table = corpus_table(corpus)
    assert len(table) == len(several)
    assert table["senses"].sum() == sum(map(len, several.values()))
    most = sum(max(senses.values()) for senses in several.values())
    assert (table["most_frequent"] * table["items"]).sum() == pytest.approx(most)


def test_a_damaged_cache_is_made_again(corpora_here, monkeypatch, tmp_path):
    from dissect.corpora import semcor

    monkeypatch.setenv("DISSECT_CACHE", str(tmp_path))
    parses = []

    def parse():
        parses.append(1)
        return ["a bank"], [(0, 2, 6, "bank", "bank%1", "a"), (0, 0, 1, "bank", "bank%2", "a")]

    monkeypatch.setattr(semcor, "parse", parse)
    first = corpora.senses("semcor")
    assert corpora.senses("semcor") == first and len(parses) == 1
    next(tmp_path.rglob("items.parquet")).write_bytes(b"PAR1")
    assert corpora.senses("semcor") == first and len(parses) == 2


@pytest.mark.slow
def test_text_to_train_on_is_none_of_what_is_tested_on(corpora_here):
    drawn, rest = corpora.text("europarl", 10_000), corpora.rest_of_text("europarl")
    assert set(drawn).isdisjoint(rest) and set(drawn) | set(rest) == set(corpora.text("europarl"))
