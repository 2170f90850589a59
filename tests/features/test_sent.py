"""Terms and models on their way to another process: small, and the same when they come."""

import pickle

import pytest
import torch

from dissect import DissectError
from dissect.experiments.probes import permuted
from dissect.features import gathering
from dissect.features.gathering import word_terms
from dissect.models import Loaded, random_weights
from dissect.models.loading import loaded_again

SENTENCES = [f"The crane number {n} stood in the river, {'very ' * (n % 5)}still." for n in range(60)]
SPANS = [(n, 4, 9) for n in range(60)] + [(n, 0, 3) for n in range(60)]


@pytest.fixture
def stored(minilm, tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "TOKENS_PER_SHARD", 300)
    return word_terms(minilm, SENTENCES, SPANS, tmp_path)


@pytest.mark.parametrize("kind", [lambda of: of, lambda of: permuted(of, 3)])
def test_terms_in_a_store_are_sent_as_their_files(stored, kind):
    features = kind(stored)
    sent = pickle.dumps(features)
    assert len(features.files) > 2 and len(sent) < 20_000 < features.shards[0].nbytes
    came = pickle.loads(sent)
    assert type(came) is type(features) and came.folder == features.folder
    assert torch.equal(came.subset("i+f"), features.subset("i+f")) and torch.equal(came.kept, features.kept)


def test_terms_in_memory_are_sent_whole(minilm):
    features = word_terms(minilm, SENTENCES[:5], SPANS[:5])
    assert features.files == ()
    assert torch.equal(pickle.loads(pickle.dumps(features)).subset("h"), features.subset("h"))


def test_terms_whose_files_are_not_seen_are_one_sentence(stored):
    sent = pickle.dumps(stored)
    gathering.mapped_again.cache_clear()
    stored.files[1].write_bytes(b"damaged")
    with pytest.raises(DissectError, match="is damaged or not to be seen here: mount the folder of runs"):
        pickle.loads(sent)


def test_a_model_is_sent_by_name_and_kept(minilm):
    sent = pickle.dumps(minilm)
    assert len(sent) < 1000
    came = pickle.loads(sent)
    assert came is pickle.loads(sent) and came is not minilm
    ours, theirs = minilm.model.state_dict(), came.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_another_model_of_that_name_is_refused(minilm):
    changed = Loaded("minilm", random_weights(minilm, 0).model, minilm.tokenizer)
    with pytest.raises(DissectError, match="'minilm' has other weights here"):
        pickle.loads(pickle.dumps(changed))
    assert loaded_again.cache_info().currsize <= 2
