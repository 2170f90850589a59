"""Europarl, the paper's text for the size of the terms, read with NLTK (`europarl_raw`)."""

from nltk.corpus import europarl_raw

from dissect.corpora.nltk_data import needs


def text() -> list[str]:
    """The English sentences of the sessions that NLTK packages, one a line of their files.

    Raises `MissingCorpus` when NLTK does not find them.
    """
    with needs("europarl_raw"):
        reader = europarl_raw.english
        lines = [line for name in reader.fileids() for line in reader.raw(name).split("\n")]
    return [line.strip() for line in lines if line.strip()]
