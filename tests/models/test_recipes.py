"""What a recipe says is what fine-tuning does, on a model so small that a training takes no time."""

from dataclasses import replace

import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, DataCollatorForTokenClassification

from dissect.models.finetuning import Recipe, train
from dissect.models.finetuning.data import IGNORED

EXAMPLES = [{"input_ids": [101, 2000 + n, 102], "labels": [IGNORED, n % 2, IGNORED]} for n in range(20)]
RECIPE = Recipe("ner", "none", epochs=3, learning_rate=1e-2, batch_size=4)


@pytest.fixture
def trained(minilm, tmp_path):
    """Trains by a recipe; returns the model, the words in the order in which they came, and the loss."""

    def run(recipe):
        torch.manual_seed(0)
        config = BertConfig(vocab_size=30522, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                            intermediate_size=8, num_labels=2)  # fmt: skip
        model, seen = BertForTokenClassification(config), []
        handle = model.register_forward_pre_hook(
            lambda module, args, inputs: seen.append(inputs["input_ids"][:, 1].tolist()), with_kwargs=True
        )
        collator = DataCollatorForTokenClassification(minilm.tokenizer, label_pad_token_id=IGNORED)
        loss = train(model, EXAMPLES, collator, recipe, "training", str(tmp_path))
        handle.remove()
        return model, seen, loss

    return run


def test_every_sentence_comes_once_an_epoch_in_batches_as_large_as_the_recipe_says(trained):
    _, seen, _ = trained(RECIPE)
    assert [len(batch) for batch in seen] == [4] * 15
    epochs = [sum(seen[start : start + 5], []) for start in (0, 5, 10)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(2000, 2020))] * 3
    assert epochs[0] != epochs[1]


def test_the_seed_of_the_recipe_decides_the_order(trained):
    orders = [trained(replace(RECIPE, epochs=1, seed=seed))[1] for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_the_rate_of_the_recipe_decides_how_far_weights_go(trained):
    still, slow, fast = (
        trained(replace(RECIPE, epochs=1, learning_rate=rate))[0].classifier.weight.detach()
        for rate in (1e-12, 1e-4, 1e-3)
    )
    assert (fast - still).norm() / (slow - still).norm() == pytest.approx(10, rel=0.1)
