"""Where a run's results come from: the revisions of the models and corpora that it read."""

from collections.abc import Sequence

from dissect import corpora, models
from dissect.experiments.masked_words import clusters
from dissect.hashing import of_text
from dissect.models.finetuning import head_table
from dissect.runs.chapters import CHAPTERS
from dissect.runs.settings import Settings

TOKENIZER = "tokenizer of "  # before the name of its model


def revisions(settings: Settings, tuned: Sequence[str]) -> dict[str, dict[str, str]]:
    """SHA-256 of the models' settings and weights, of their tokenizers, and of what is read from each corpus.

    Args:
        settings: Of the run.
        tuned: The fine-tuned models; they are numbered, since the folder of one may be called anything.
    """
    named = {"model": settings.model} | {f"tuned {n}": place for n, place in enumerate(tuned, start=1)}
    of_models = {}
    for name, place in named.items():
        loaded = models.load(place, "cpu")
        of_models[name] = models.fingerprint(loaded.model)
        of_models[TOKENIZER + name] = models.tokenizer_sha256(loaded.tokenizer)
    if any(CHAPTERS[name].head for name in settings.chapters()):
        head = models.load_word_head(models.load(settings.model, "cpu"), settings.head)
        of_models |= {"head": models.fingerprint(head)} if head else {}
    of_corpora = {
        kind: of_corpus(kind, name, **settings.columns(kind)) for kind, name in settings.corpora().items()
    }
    return {"models": of_models, "corpora": of_corpora}


def of_head(settings: Settings) -> dict[str, str]:
    """What the head is that chapters read hidden words with, in words; nothing where there is none.

    Args:
        settings: Of the run.
    """
    if not any(CHAPTERS[name].head for name in settings.chapters()):
        return {}
    head = models.load_word_head(models.load(settings.model, "cpu"), settings.head)
    if head is None:
        return {}
    told = head_table(head).astype(str).to_dict("records")
    return {"kind": head.kind, **{str(what): said for row in told for what, said in row.items()}}


def of_corpus(kind: str, name: str, **columns: int | None) -> str:
    """SHA-256 of what is read from a corpus.

    Args:
        kind: One of `corpora.KINDS`.
        name: Of the corpus, or a path.
        **columns: As `Settings.columns` has them.
    """
    read = corpora.KINDS[kind](name, **columns)
    if kind != "text":
        return of_text(repr(read))
    of_sentences = clusters(corpora.documents(kind, name))  # by which hidden words are parted, if they are
    return of_text("\n".join(read) + (repr(of_sentences) if of_sentences else ""))


def read_by(chapter: str, found: dict[str, dict[str, str]]) -> dict[str, str]:
    """The revisions of what a chapter reads."""
    everything = {**found["models"], **found["corpora"]}
    of = {name: name.removeprefix(TOKENIZER).split()[0] for name in everything}
    row = CHAPTERS[chapter]
    read = {"model", row.corpus, *row.beside}
    read |= {"tuned", "tuning"} if row.tuned else set()
    read |= {"head"} if row.head else set()
    return {name: sha for name, sha in everything.items() if of[name] in read}
