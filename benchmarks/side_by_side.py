"""The decomposition next to other ways to the same activations: one process, the same batches.

    python benchmarks/side_by_side.py [--model minilm] [--sentences 300]
                                      [--save book/measured/side_by_side.csv]

The table is made as in overhead.py. Below it: how far sums miss the last embedding, |e − sum| / |e|,
over all tokens. Libraries that are not installed are left out. Caches keep activations, not terms.
"""

import argparse
import copy
import platform
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from overhead import paired, ratio_and_range
from torch import Tensor
from transformers import BertForNextSentencePrediction

from dissect import Decomposer, corpora
from dissect.features import padded, tokenized
from dissect.models import Loaded, load

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.closed_forms import closed_forms, embeddings_sum

Batch = dict[str, Any]
Sums = dict[str, Callable[[Any], Tensor]]
BATCH = 32
PLAIN, FEW = "plain forward pass", "plain pass, the few in one batch"


class Way(NamedTuple):
    """Something to time, and what in its results may be, or sum to, the last embedding."""

    name: str
    work: Callable[[Batch], Any]
    batches: list[Batch]
    sums: Sums = {}
    base: str = PLAIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="minilm", help="a model of the type bert")
    for name, default in {"sentences": 300, "few": 16, "rounds": 7}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--save", help="for the ratios; the sums go beside, as …_sums.csv")
    options = parser.parse_args()

    loaded = load(options.model, "cpu")
    if loaded.model.config.model_type != "bert":
        parser.error("the other ways are written for BERT's modules")
    unsorted = tokenized(loaded, corpora.text("teaching", options.sentences))
    ids = sorted(unsorted, key=len)
    batches, mixed = (
        [padded(loaded, some[n : n + BATCH]) for n in range(0, len(ids), BATCH)] for some in (ids, unsorted)
    )
    print(
        f"{loaded}; {len(ids)} sentences, {sum(map(len, ids))} pieces, batches of {BATCH}; "
        f"{torch.get_num_threads()} threads, {platform.machine()}"
    )

    def plain(batch: Batch) -> Any:
        return loaded.model(**batch)

    ways = [Way(PLAIN, plain, batches), Way("plain pass, sentences not sorted by length", plain, mixed)]
    others = {"dissect": dissect_ways, "transformer-lens": lens_ways, "nnsight": nnsight_ways}
    print(", ".join(f"{package} {version(package)}" for package in ("torch", "transformers")))
    for package, ways_of in others.items():
        if find_spec(package.replace("-", "_")) is None:
            print(f"{package}: not installed (pip install {package})")
        else:
            print(f"{package} {version(package)}")
            ways += ways_of(loaded, batches)
    ways += closed_ways(loaded, ids[len(ids) // 2 :][: options.few], plain)
    with torch.no_grad():
        ratios = ratios_of(ways, options.rounds)
        sums = pd.concat([misses_of(loaded, way) for way in ways if way.sums], ignore_index=True)
    for table, ending in ((ratios, ".csv"), (sums, "_sums.csv")):
        print(table.to_string(index=False))
        if options.save:
            table.to_csv(Path(options.save).with_suffix("").as_posix() + ending, index=False)


def dissect_ways(loaded: Loaded, batches: list[Batch]) -> list[Way]:
    decomposer = Decomposer(loaded.model)
    sums: Sums = {"dissect: i + h + f + c": lambda parts: parts.terms.sum(0)}
    return [
        Way("dissect: terms of the last layer", lambda batch: decomposer(**batch), batches, sums),
        Way("dissect: terms at all layers", lambda batch: decomposer.layers(**batch), batches),
    ]


def lens_ways(loaded: Loaded, batches: list[Batch]) -> list[Way]:
    """It takes no BertModel without a head: ours goes under the smallest, two numbers a sentence."""
    from transformer_lens.model_bridge import TransformerBridge

    config: Any = copy.deepcopy(loaded.model.config)
    config.architectures = ["BertForNextSentencePrediction"]
    whole: Any = BertForNextSentencePrediction(config).eval()
    whole.bert = copy.deepcopy(loaded.model)  # as its parts are replaced in place
    words, boot = copy.deepcopy(loaded.tokenizer), TransformerBridge.boot_transformers
    bridge = boot(loaded.name, hf_model=whole, tokenizer=words, device="cpu")
    layers = range(config.num_hidden_layers)
    # hook_attn_out would be the norm after attention here, not what attention adds
    adds = [f"blocks.{n}.{part}.hook_out" for n in layers for part in ("attn.o", "mlp.out")]
    norms = [f"blocks.{n}.{part}.hook_out" for n in layers for part in ("ln1", "ln2")]
    start = "embed_ln.hook_out"

    def renamed(batch: Batch) -> Batch:
        return {"input": batch["input_ids"], "attention_mask": batch["attention_mask"]}

    def cache(batch: Batch, names: list[str] | None = None) -> Any:
        return bridge.run_with_cache(**renamed(batch), names_filter=names)[1]

    full: Sums = {
        "transformer-lens: its own last embedding": lambda kept: kept[norms[-1]],
        "transformer-lens: decompose_resid()": lambda kept: kept.decompose_resid().sum(0),
        "transformer-lens: embedding + sublayers": lambda kept: sum(kept[name] for name in [start, *adds]),
    }
    return [
        Way("transformer-lens: its pass, no cache", lambda batch: bridge(**renamed(batch)), batches),
        Way("transformer-lens: full cache", cache, batches, full),
        Way(
            "transformer-lens: sublayers and norms",
            lambda batch: cache(batch, [start, *adds, *norms]),
            batches,
        ),
    ]


def nnsight_ways(loaded: Loaded, batches: list[Batch]) -> list[Way]:
    import nnsight

    with warnings.catch_warnings():  # it renames BERT's modules called "output" to "E_output"
        warnings.simplefilter("ignore", UserWarning)
        model = nnsight.NNsight(copy.deepcopy(loaded.model))

    def some(batch: Batch) -> list[Tensor]:
        with model.trace(**batch):
            kept = [model.embeddings.LayerNorm.output]
            for layer in model.encoder.layer:
                for part in (layer.attention.E_output, layer.E_output):
                    kept += [part.dense.output, part.LayerNorm.output]
            kept = nnsight.save(kept)
        return kept

    def full(batch: Batch) -> Any:
        with model.trace(**batch) as tracer:
            kept = tracer.cache()
        return kept

    sums: Sums = {
        "nnsight: its own last embedding": lambda kept: kept[-1],
        "nnsight: embedding + sublayers": lambda kept: kept[0] + sum(kept[1::2]),
    }
    return [
        Way("nnsight: outputs of all modules", full, batches),
        Way("nnsight: sublayers and norms", some, batches, sums),
    ]


def closed_ways(loaded: Loaded, ids: list[list[int]], plain: Callable[[Batch], Any]) -> list[Way]:
    """The tests' literal closed forms take one sentence at a time: a few, of middling length."""
    singles, few = [padded(loaded, [row]) for row in ids], f"{len(ids)} one by one"
    sums: Sums = {"closed forms: i + h + f + c": lambda terms: terms.sum(0)}

    def terms(batch: Batch) -> Tensor:
        row = batch["input_ids"][0]
        return closed_forms(loaded.model, row, embeddings_sum(loaded.model, row))

    return [
        Way(FEW, plain, [padded(loaded, ids)], base=FEW),
        Way(f"plain pass, {few}", plain, singles, base=FEW),
        Way(f"closed forms, {few}", terms, singles, sums, base=FEW),
    ]


def ratios_of(ways: list[Way], rounds: int) -> pd.DataFrame:
    """How many times its base each way takes, a row a way."""
    by_name = {way.name: way for way in ways}
    times = paired({way.name: (partial(run, way), partial(run, by_name[way.base])) for way in ways}, rounds)
    rows = [(way.name, with_version(way), *ratio_and_range(times[way.name]), way.base) for way in ways]
    return pd.DataFrame(rows, columns=["way", "with", "time", "range", "times the"])


def with_version(way: Way) -> str:
    """The package whose way this is, and its version; one that is not named is transformers."""
    package, colon, _ = way.name.partition(":")
    package = package if colon else "transformers"
    return f"{package} {version(package)}"


def run(way: Way) -> None:
    for batch in way.batches:
        way.work(batch)


def misses_of(loaded: Loaded, way: Way) -> pd.DataFrame:
    """How far sums miss the last embedding, |e − sum| / |e|, over all tokens."""
    missed: dict[str, list[Tensor]] = {name: [] for name in way.sums}
    for batch in way.batches:
        e, result = loaded.model(**batch).last_hidden_state, way.work(batch)
        for name, total in way.sums.items():
            miss = (e - total(result)).norm(dim=-1) / e.norm(dim=-1)
            missed[name].append(miss[batch["attention_mask"].bool()])
    rows = [
        (name, *(f"{number:.1e}" for number in (miss.median(), miss.max())))
        for name, some in missed.items()
        for miss in [torch.cat(some)]
    ]
    return pd.DataFrame(rows, columns=["sum", "median miss", "largest miss"])


if __name__ == "__main__":
    main()
