"""What the deck says and the paper does not measure: of biases, lower layers, heads and the layers' order."""

import numpy as np

from dissect.models import KINDS
from dissect.report.claims.chapter2 import MATTERS
from dissect.report.claims.chapter3 import whole_head
from dissect.report.claims.claim import claim, numbers
from dissect.report.claims.evidence import Evidence, mean_of
from dissect.report.claims.parts import Difference, Part

WHOLE, WITHOUT_C, WITHOUT_I = "i+h+f+c", "i+h+f", "h+f+c"


@claim("V10", "anisotropy_groups")
def bias_gives_a_direction(run: Evidence) -> list[Part]:
    of = run.arrays("anisotropy_groups", "layer", "terms")
    last = max(layer for layer, _ in of)
    cosines = of[last, WHOLE] - of[last, WITHOUT_C]
    return [Difference("mean cosine with c − without, last layer", cosines, unit="", effect=MATTERS)]


@claim("V11", "word_types_groups")
def input_serves_lower_layers(run: Evidence) -> list[Part]:
    of = run.arrays("word_types_groups", "layer", "terms")
    layers = sorted({layer for layer, _ in of if layer > 0})
    costs = [of[layer, WHOLE] - of[layer, WITHOUT_I] for layer in layers]
    half = max(1, len(layers) // 2)
    lower, upper = (mean_of(part, "a model of two layers or more") for part in (costs[:half], costs[half:]))
    return [Difference("what i is worth to word types, lower half of the layers − upper half", lower - upper)]


@claim("M4", "rescaled_groups")
def head_reads_scale_and_length(run: Evidence) -> list[Part]:
    kind, _ = whole_head(run)
    of = run.arrays("rescaled_groups", "predictor", "score", "altered")
    intact = of[kind, "accuracy", "nothing"]
    return [
        Difference(f"intact − without {altered}, {kind} head", intact - of[kind, "accuracy", altered])
        for altered in ("c", "scale", "length")
    ]


@claim("M5", "updates_groups")
def feedforwards_update_the_distribution(run: Evidence) -> list[Part]:
    of = run.arrays("updates_groups", "predictor", "quantity", "term", "layer")
    heads = dict.fromkeys(key[0] for key in of)
    head = next((kind for kind in (*KINDS, "learned") if kind in heads), "")

    def lead(quantity: str) -> np.ndarray:
        """Of f over h, in the mean over layers."""
        f, h = (
            mean_of(
                (x for key, x in of.items() if key[:3] == (head, quantity, term) and key[3] > 0),
                "layers with attention and a feed-forward, and a head",
            )
            for term in "fh"
        )
        return f - h

    return [
        Difference("divergence (nats), f − h, mean over layers", lead("divergence"), unit="", effect=MATTERS),
        Difference("words that change, f − h, mean over layers", lead("words"), unit="", effect=1.0),
    ]


@claim("L3", "layer_order_groups")
def neighbours_may_swap(run: Evidence) -> list[Part]:
    of = run.arrays("layer_order_groups", "predictor", "score", "change", "first", "second")
    swaps = {key[3:]: x for key, x in of.items() if key[:3] == ("embedding", "cosine_distance", "swap")}
    takes = "a model of three layers or more"
    near = mean_of((x for (first, second), x in swaps.items() if second == first + 1), takes)
    far = mean_of((x for (first, second), x in swaps.items() if second > first + 1), takes)
    below = numbers("L3")["below"]
    return [
        Difference("1 − cosine, distant swaps − neighbours", far - near, unit="", effect=MATTERS),
        Difference(f"{below} − (1 − cosine) of neighbours", below - near, unit="", effect=MATTERS),
    ]
