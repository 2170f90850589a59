"""The tables of a run: what each holds, column by column. A table is held against this when written."""

from dataclasses import dataclass

import pandas as pd

from dissect.decomposition import subsets
from dissect.errors import DissectError

# Every column: what it holds ("text", "whole" numbers, "number") and what that means; with the
# table's name before it where one table uses the name otherwise.
COLUMNS: dict[str, tuple[str, str]] = {
    "accuracy": ("number", "share of test items that are right, 0 to 1"),
    "adjusted_r2": ("number", "R² minus what equally many inputs explain by chance"),
    "agreement": ("number", "F1 of one predictor's answers against the other's, mean over seeds, 0 to 1"),
    "altered": ("text", "what was removed from the embedding: nothing, c, length, scale"),
    "change": ("text", "none, swap, layer twice, h twice or f twice"),
    "chapter": ("text", "the chapter with the evidence"),
    "checkpoint": ("text", "the model's name, or the last part of its folder"),
    "corpus": ("text", "the corpus"),
    "claim": ("text", "the claim's name, as in claims.yaml"),
    "compared": ("text", "which two ways of computing the same"),
    "criterion": ("text", "what has to be decided for the claim to be replicated"),
    "cross_entropy": ("number", "mean loss in nats, over test items of types seen in training"),
    "difference": ("number", "a less b; of checks, the largest relative difference"),
    "dropout": ("number", "probability of dropout"),
    "effect": (
        "text",
        "intact: the score; cause: what is lost of it in the model; content: in the sum alone",
    ),
    "entity_f1": ("number", "F1 over whole entities, 0 to 1"),
    "experiment": ("text", "masked words, or next words of a decoder; senses; entities"),
    "first": ("whole", "the first of two layers, from 1; 0 where none is changed"),
    "group": ("whole", "group of test sentences or documents, from 0"),
    "head": ("whole", "attention head, from 1"),
    "high": ("number", "upper end of the 95 % interval over seeds and test items"),
    "importance": ("number", "e·x / e·e"),
    "items": ("whole", "how many items the corpus has of it"),
    "masked_words_head.accuracy_masked": ("number", "the same where [MASK] stands, 0 to 1"),
    "masked_words_head.cross_entropy": ("number", "mean loss in nats"),
    "masked_words_head.items": ("whole", "how many sentences were held out"),
    "masked_words_head.most_frequent": ("number", "what always naming the most frequent word piece scores"),
    "senses_splits.items": ("whole", "how many items are tested"),
    "labels": ("text", "task; control, drawn at random by word type; difference, selectivity"),
    "layer": ("whole", "layer; 0 is the embedding layer"),
    "causes.layer": ("whole", "layer, from 1; 0 is all of them"),
    "causes_groups.layer": ("whole", "layer, from 1; 0 is all of them"),
    "updates.layer": ("whole", "layer, from 1; 0 is all of them"),
    "updates_groups.layer": ("whole", "layer, from 1; 0 is all of them"),
    "learning_rate": ("number", "of AdamW"),
    "lemma": ("text", "lemma"),
    "logit": ("number", "the part of the word's logit that is due to it"),
    "loss": ("number", "loss on the development items of the weights that were kept, in nats"),
    "low": ("number", "lower end of the 95 % interval over seeds and test items"),
    "macro_f1": ("number", "F1 of each tag, mean over tags, 0 to 1"),
    "mean": ("number", "mean: of importance over word pieces, of scores over seeds"),
    "model": ("text", "the model's part in the run: pretrained, or fine-tuned on what"),
    "model_a": ("text", "one model"),
    "model_b": ("text", "the other"),
    "most_frequent": ("number", "share of its most frequent sense, 0 to 1"),
    "numbers": ("text", "what the verdict rests on"),
    "output": ("text", "what the head chooses among"),
    "p": ("number", "two-sided, by the same seeds and test items, not corrected for other pairs"),
    "pieces": ("whole", "how many word pieces were used"),
    "predictor": (
        "text",
        "who predicts: pretrained, trained afterwards, learned; knn, classifier (the probe), most frequent "
        "sense, document's majority (these two see no vector, and have the empty subset alone); base, "
        "finetuned; permuted: the negative control, a probe on a term that was permuted among the items",
    ),
    "quantity": (
        "text",
        "divergence, in nats; words, how many the change spreads over (without a term: the distribution)",
    ),
    "r2": ("number", "R² of a linear map"),
    "reading": ("text", "the verdict in a sentence"),
    "same_document": ("number", "share of these whose lemma is trained on in their document, 0 to 1"),
    "same_sentence": ("number", "share of these in whose sentence an item is trained on, 0 to 1"),
    "score": ("text", "which score"),
    "masked_words_search.score": ("number", "minus the loss, by which heads are chosen"),
    "senses_search.score": ("number", "accuracy on the development items, 0 to 1"),
    "senses_documents_search.score": ("number", "accuracy on the development items, 0 to 1"),
    "entities_search.score": ("number", "macro-F1 over tags on the development words, 0 to 1"),
    "second": ("whole", "the second of two layers, or the first again"),
    "seed": ("whole", "seed of the initial weights"),
    "senses": ("whole", "how many senses it has"),
    "sentences": ("whole", "how many sentences the head learned from"),
    "share": ("number", "of the simulated runs, 0 to 1"),
    "sentence": ("text", "the chapter's example sentence"),
    "siblings.share": ("number", "that score, 0 to 1; none where nothing was held out"),
    "siblings.items": ("whole", "how many sentences or questions were held out"),
    "siblings.seed": ("whole", "of the head's first weights, the batches and dropout"),
    "siblings.task": ("text", "ner, tags, qa or mlm"),
    "siblings.score": ("text", 'which score on what was held out; "" is none'),
    "source": ("text", "the term that the map starts from"),
    "scorecard.source": ("text", "where the paper says it"),
    "finer_logits.term": ("text", "i, h, f or c; bias: the head's own"),
    "finer_sources.source": ("whole", "the place in the sentence of the token it came from, from 0"),
    "spearman": ("number", "Spearman's rank correlation over word pieces, −1 to 1"),
    "split": ("text", "what is kept together when items are split: by item, nothing; by document, texts"),
    "state": ("text", "complete or pruned"),
    "std": (
        "number",
        "standard deviation, over n: of importance over word pieces, of scores over seeds",
    ),
    "stood": ("text", "what the model read at the target: mask, another piece, the word itself"),
    "target": ("text", "the term that the map is to give"),
    "targets": ("whole", "how many test targets"),
    "task": ("text", "what the checkpoint was trained for, where it says so"),
    "term": ("text", "i, h, f or c (s: attention over a source)"),
    "terms": ("text", 'subset of the terms, such as i+h; "" is the empty one, the baseline'),
    "terms_a": ("text", "one subset"),
    "terms_b": ("text", "the other"),
    "text": ("text", "the claim"),
    "token": ("text", "word piece that attention read from"),
    "trial": ("whole", "trial of the search for hyper-parameters, from 0"),
    "types": ("whole", "among how many word pieces the head chooses"),
    "unit": ("whole", "feed-forward unit, from 0; of a mixture an expert"),
    "value": ("number", "pseudo-value; its mean over seeds and groups is the number itself"),
    "vectors": ("text", "subsets of the terms; those joined by ; stand side by side"),
    "verdict": ("text", "replicated, contradicted, mixed, undecided or not testable"),
    "weight_decay": ("number", "of AdamW"),
    "weights": ("text", "trained, or random: of the same architecture, as first drawn"),
    "world": ("text", "what is true in the simulated runs"),
    "word": ("text", "a candidate for the next word"),
}


@dataclass(frozen=True)
class Table:
    """What a table holds. `chapters.CHAPTERS` says who writes it.

    Attributes:
        about: What a row is.
        columns: Its columns in order.
    """

    about: str
    columns: tuple[str, ...]


def _table(about: str, columns: str) -> Table:
    return Table(about, tuple(columns.split()))


def _experiment(name: str, scores: str, agreement: bool, on: str = "") -> dict[str, Table]:
    """The tables of an experiment on all subsets; `on` says what it was tested on, where there are two."""
    tables = {
        name: _table("a score for each predictor, subset and run", f"predictor terms seed {scores}"),
        f"{name}_groups": _table(
            "each score's pseudo-values, which tell how sure it is", "predictor score terms seed group value"
        ),
        f"{name}_intervals": _table(
            "each score's mean and certainty", "predictor score terms mean std low high"
        ),
        f"{name}_pairs": _table(
            "each pair of subsets, compared by the same seeds on the same test items",
            "predictor score terms_a terms_b difference low high p",
        ),
        f"{name}_search": _table(
            "the search for hyper-parameters by subset, where there was one",
            "terms trial state score loss learning_rate dropout weight_decay",
        ),
    }
    if agreement:
        tables[f"{name}_agreement"] = _table(
            "how far two subsets' predictors say the same", "predictor terms_a terms_b agreement"
        )
        tables[f"{name}_consistency"] = _table(
            "how far a subset's predictors are right where the others' are: mean kappa, as pseudo-values",
            "predictor terms seed group value",
        )
    return {name: Table(table.about + on, table.columns) for name, table in tables.items()}


def _measured(name: str, about: str, keys: str) -> dict[str, Table]:
    """The tables of a measurement, see `experiments.measured`."""
    return {
        name: _table(f"{about}: means and 95 % intervals", f"{keys} mean low high"),
        f"{name}_groups": _table(f"{about}: pseudo-values", f"{keys} seed group value"),
    }


CONTROL = "permuted"  # the predictor that nothing can be learned from, as tables name it
TABLES: dict[str, Table] = {
    "exactness": _table("how closely two ways of computing agree", "compared difference"),
    "feedforward_r2": _table(
        "a linear map in the place of each feed-forward", "model layer r2 adjusted_r2 pieces"
    ),
    "dependence": _table("how far one term follows from another", "source target r2"),
    "models": _table("the models of the run", "model task checkpoint"),
    "siblings": _table(
        "what the copies that the run tuned were tuned on, and what they score",
        "model task corpus seed items score share",
    ),
    "importance": _table("importance of each term by model and layer", "model layer term mean std"),
    "importance_groups": _table(
        "its mean as pseudo-values, which tell how sure it is", "model layer term group value"
    ),
    "correlation": _table("importance in two models, piece by piece", "model_a model_b layer term spearman"),
    "correlation_groups": _table("the same as pseudo-values", "model_a model_b layer term group value"),
    **_experiment("masked_words", "accuracy cross_entropy", agreement=False),
    "masked_words_stood": _table(
        "accuracy on masked words by what the model read at the target",
        "predictor terms seed stood accuracy targets",
    ),
    "masked_words_head": _table(
        "what a head that was trained afterwards learned from, and scores on text that it never saw",
        "corpus sentences items accuracy accuracy_masked most_frequent cross_entropy",
    ),
    "masked_words_vocabulary": _table(
        "a head over the types seen, and one over all", "output types accuracy cross_entropy"
    ),
    "senses_corpus": _table("the ambiguous lemmas", "lemma senses items most_frequent"),
    "senses_splits": _table(
        "what test items share with training items", "split items same_sentence same_document"
    ),
    **_experiment("senses", "accuracy", agreement=True, on=", parted by item"),
    **_experiment("senses_documents", "accuracy", agreement=True, on=", parted by document"),
    **_experiment("entities", "macro_f1 entity_f1", agreement=True),
    **_measured(
        "controls_importance",
        "importance of each term, trained and with random weights",
        "weights layer term",
    ),
    **_measured(
        "controls_scores",
        "scores on the terms of trained and of random weights",
        "experiment predictor score weights terms",
    ),
    **_measured(
        "controls_selectivity",
        "accuracy on a task, and on labels without meaning",
        "experiment predictor terms labels",
    ),
    **_measured(
        "controls_joined",
        "scores on terms added up and on terms side by side",
        "experiment predictor score vectors",
    ),
    **_measured(
        "causes",
        "scores lost to the mean in a sublayer's place",
        "experiment predictor score effect term layer",
    ),
    **_measured(
        "rescaled", "hidden words on embeddings without c, length or scale", "predictor score altered"
    ),
    **_measured("anisotropy", "mean cosine between word pieces", "layer terms"),
    **_measured("word_types", "nearest pieces of the same word type", "layer terms"),
    **_measured(
        "updates",
        "what a sublayer changes in the distribution over words",
        "predictor quantity term layer",
    ),
    **_measured(
        "layer_order", "layers that change places, or work twice", "predictor score change first second"
    ),
    "finer_layers": _table("who wrote into the word, by layer", "sentence term layer importance"),
    "finer_heads": _table("the same by attention head", "sentence term layer head importance"),
    "finer_sources": _table(
        "the same by the token it came from", "sentence term layer source importance token"
    ),
    "finer_units": _table("the same by feed-forward unit", "sentence term layer unit importance"),
    "finer_logits": _table("a part's say in the next word, where the model has one", "term layer word logit"),
    "scorecard": _table(
        "the verdict on each claim", "claim chapter text source criterion verdict numbers reading"
    ),
    "operating": _table(
        "how often each criterion says what in made-up runs like this one", "claim world verdict share"
    ),
}
SUBSETS = ("terms", "terms_a", "terms_b")  # columns that hold subsets of the terms
KINDS = {"text": "str", "whole": "int64", "number": "float64"}  # and what pandas calls them


def conform(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The table, with its columns as the schema has them; an empty one gets their types.

    Raises:
        DissectError: The table is not in the schema, or columns or what they hold differ.
    """
    if name not in TABLES:
        raise DissectError(f"no table {name!r} is in the schema of results (dissect/tables/schema.py)")
    columns = TABLES[name].columns
    if tuple(table.columns) != columns:
        raise DissectError(
            f"table {name}: expected the columns {', '.join(columns)}, found "
            f"{', '.join(map(str, table.columns))}"
        )
    if table.empty:
        return table.astype({column: KINDS[meaning(name, column)[0]] for column in columns})
    for column in columns:
        kind, _ = meaning(name, column)
        if not _holds(table[column], kind):
            raise DissectError(f"table {name}, column {column}: expected {kind}, found {table[column].dtype}")
        if column in SUBSETS and (strange := set(table[column]) - set(subsets())):
            raise DissectError(f"table {name}, column {column}: {min(strange)!r} is no subset of the terms")
    return table


def meaning(table: str, column: str) -> tuple[str, str]:
    """What a column holds, and what that means."""
    return COLUMNS.get(f"{table}.{column}") or COLUMNS[column]


def _holds(column: pd.Series, kind: str) -> bool:
    if kind == "text":
        return column.map(lambda value: isinstance(value, str)).all()
    if kind == "whole":
        return pd.api.types.is_integer_dtype(column)
    return pd.api.types.is_float_dtype(column)
