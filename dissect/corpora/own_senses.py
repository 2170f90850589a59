"""Word senses of one's own: plain text, the unified evaluation framework's XML, or SemCor's."""

from pathlib import Path

from dissect.corpora.items import SenseCorpus, ambiguous
from dissect.corpora.marked import read_marked
from dissect.corpora.unified import DATA, KEYS, read_unified
from dissect.errors import DissectError, MissingCorpus


def read_senses(path: Path) -> SenseCorpus:
    """The sentences of a file or folder, and all their words of known sense.

    Raises:
        MissingCorpus: There is no such file, or it is not what it looks like.
        DissectError: No lemma has two senses in it.
    """
    corpus = _folder(path) if path.is_dir() else _file(path)
    if not ambiguous(corpus.items):
        raise DissectError(f"no word of {path} has two senses in it: give a file in which some have")
    return corpus


def _folder(folder: Path) -> SenseCorpus:
    data = sorted(folder.glob(f"*{DATA}"))
    if len(data) > 1:
        raise MissingCorpus(f"{folder} has {len(data)} files *{DATA}: give one, such as {data[0].name}")
    if data:
        return read_unified(data[0])
    if files := sorted(folder.rglob("*.xml")):
        return _semcor(files)
    raise MissingCorpus(f"{folder} has no word senses: expected a file *{DATA}, or files of SemCor, *.xml")


def _file(path: Path) -> SenseCorpus:
    if path.name.endswith(KEYS):
        path = path.with_name(path.name.removesuffix(KEYS) + DATA)
    if path.name.endswith(DATA):
        return read_unified(path)
    return _semcor([path]) if path.suffix == ".xml" else read_marked(path)


def _semcor(files: list[Path]) -> SenseCorpus:
    from dissect.corpora.semcor import read_files  # NLTK is slow to import

    return read_files(files)
