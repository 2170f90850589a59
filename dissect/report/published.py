"""The paper's published figures, as data (Mickus et al. 2022, CC BY 4.0)."""

from importlib.resources import files
from pathlib import Path

import pandas as pd

FOLDER = Path(str(files("dissect") / "data" / "published"))
SOURCE = "Mickus et al. (2022)"
MODELS = ("bert-base-uncased", "google-bert/bert-base-uncased")  # the pretrained one, by its two names
SHAPE = {"family": "bert", "layers": "12", "width": "768"}  # of which a model's card tells
CORPORA = {"text": "europarl", "senses": "semcor", "entities": "wnut16"}

# Single values of the text, in percent: masked-word accuracy of f alone, bert-base-uncased.
F_ALONE_PRETRAINED_HEAD = 1.36
F_ALONE_LEARNED_HEAD = 53.77

# The models of Figure 1, by what a run calls those that they stand beside.
COUNTERPARTS = {
    "pretrained": "bert-base-uncased",
    "ner": "dslim/bert-base-NER-uncased",
    "qa": "twmkn9/bert-base-uncased-squad2",
}


def importance() -> pd.DataFrame:
    """Figure 1: model, layer, term, mean, std of e·x / e·e; three models, Europarl."""
    return pd.read_csv(FOLDER / "figure1_importance_by_layer.csv")


def feedforward_r2() -> pd.DataFrame:
    """Figure 2: model, layer, r2; bert-base-uncased, Europarl."""
    return pd.read_csv(FOLDER / "figure2_ff_linear_r2.csv")


def senses_accuracy() -> pd.DataFrame:
    """The two-layer probe on SemCor: terms, run, accuracy in percent; bert-base-uncased."""
    return pd.read_csv(FOLDER / "table_wsd_classifier_accuracy.csv")


def senses() -> pd.DataFrame:
    """`senses_accuracy` as a run has it: predictor, terms, seed, accuracy (0 to 1)."""
    table = senses_accuracy().rename(columns={"run": "seed"}).assign(predictor="classifier")
    return table.assign(accuracy=table["accuracy"] / 100)


def masked_words() -> pd.DataFrame:
    """The values of the text as a run has them: predictor, terms, accuracy (0 to 1)."""
    rows = [("learned", "f", F_ALONE_LEARNED_HEAD / 100), ("pretrained", "f", F_ALONE_PRETRAINED_HEAD / 100)]
    return pd.DataFrame(rows, columns=["predictor", "terms", "accuracy"])


def senses_agreement() -> pd.DataFrame:
    """Figure 4: predictor (knn, classifier), terms_a, terms_b, agreement (0 to 1)."""
    return _agreement("figure4_wsd_agreement.csv")


def entities_agreement() -> pd.DataFrame:
    """Figure 5: predictor (base, finetuned), terms_a, terms_b, agreement (0 to 1)."""
    return _agreement("figure5_ner_agreement.csv")


def first_verdicts() -> pd.DataFrame:
    """What the first version of the criteria said of the paper and of runs: run, claim, verdict, numbers."""
    return pd.read_csv(FOLDER / "first_verdicts.csv")


def _agreement(name: str) -> pd.DataFrame:
    table = pd.read_csv(FOLDER / name)
    table["agreement"] = table.pop("agreement_percent") / 100
    return table
