"""What tests share: tiny models with every weight random, and one run of the book on little data."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks a model hub

SIZES = {
    "vocab_size": 64, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 40, "max_position_embeddings": 40,
}  # fmt: skip
FAMILY_SIZES = {
    "distilbert": {"vocab_size": 64, "dim": 24, "n_layers": 3, "n_heads": 4, "hidden_dim": 40,
                   "max_position_embeddings": 40},
    "electra": SIZES | {"embedding_size": 16},
}  # fmt: skip


def tiny(family: str, seed: int = 0, dtype=torch.float64, scale: float = 0.4, **changes):
    """A model of a few layers, all parameters random: fresh models have zero biases and unit
    gains, which hide mistakes."""
    config = AutoConfig.for_model(family, **(FAMILY_SIZES.get(family, SIZES) | changes))
    torch.manual_seed(seed)
    model = AutoModel.from_config(config).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=scale)
    return model


def batch(rows: int, tokens: int, seed: int = 0, lengths=None):
    """Random token ids, padded on the right to `tokens` where `lengths` says so."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 64, (rows, tokens), generator=generator)
    mask = torch.ones_like(ids)
    for row, length in enumerate(lengths or []):
        mask[row, length:] = 0
        ids[row, length:] = 1
    return {"input_ids": ids, "attention_mask": mask}


@pytest.fixture(scope="session")
def minilm():
    """The default model."""
    from dissect.models import load

    return load("minilm")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Path:
    """The folder of a run of all chapters on little data, with its site."""
    from dissect.run import run
    from dissect.settings import settings_from

    runs = tmp_path_factory.mktemp("runs")
    return run(settings_from({"name": "small", "limit": 60, "seeds": 2}), runs)


@pytest.fixture(scope="session")
def site(small_run) -> Path:
    """The folder of the built site."""
    return small_run / "site"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real corpora: NLTK_DATA and DISSECT_DATA, or the folder `shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    if not beside.is_dir():
        pytest.skip("the folder ../shared with the real corpora is not here")
    return beside


@pytest.fixture
def corpora_here(shared, monkeypatch) -> None:
    """Let NLTK and the data folder find the real corpora."""
    import nltk

    monkeypatch.setenv("DISSECT_DATA", str(shared))
    monkeypatch.setattr(nltk.data, "path", [str(shared / "nltk_data")])


def copy_model(source: str, target: Path) -> Path:
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        file.chmod(0o644 if file.is_file() else 0o755)
    return target
