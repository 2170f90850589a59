"""The words of a row: what a family does to the residual stream, and where its modules are."""

from dataclasses import dataclass, replace
from typing import Any

LONGEST = "max_position_embeddings"  # how many tokens a model takes, by most configurations
# Of `Family.needs`, what several families cannot have.
ONE_SEQUENCE = ("add_cross_attention", False, "attention to a second sequence has no row in this family")
UNDIVIDED = ("chunk_size_feed_forward", 0, "feed-forwards in chunks are not recorded")


@dataclass(frozen=True)
class Sublayer:
    """One addition to the stream.

    Attributes:
        term: "h" attention, "f" feed-forward, "s" attention over a source.
        out: The projection whose output joins the stream.
        value: Of attention: the projection that gives the values.
        values: Which part of its output: "all", "last" after all queries and keys, "last of each group"
            after the queries and the key that share it.
        value_bias: Of attention: a bias that the values get beside that of the projection.
        weights: Of attention whose rows do not sum to one: the module that returns its weights.
        norm: On the stream, after the addition.
        branch_norm: On the output, before it joins the stream.
        enters: Of a feed-forward: the module that its input enters.
        experts: Of a mixture: the module that runs them, given vectors, which experts, and how much of each.
        expert_bias: Of a mixture: the biases of their last projections, (experts, hidden).
        shared: Of a mixture: an expert that every token goes to.
        times: A setting that the output is multiplied by on its way to the stream.
        overwritten: Whether the model writes into the output afterwards.
    """

    term: str
    out: str
    value: str = ""
    values: str = "all"
    value_bias: str = ""
    weights: str = ""
    norm: str = ""
    branch_norm: str = ""
    enters: str = ""
    experts: str = ""
    expert_bias: str = ""
    shared: str = ""
    times: str = ""
    overwritten: bool = False


@dataclass(frozen=True)
class Family:
    """What happens to the stream, in order: `embedding`, then layer by layer `sublayers`, `final`.

    Attributes:
        layers: "*" stands for every part of a list; lists beside one another are joined by " & ".
        embedding: Norms and affine maps before the first layer.
        final: Norms and affine maps after the last layer.
        computed: Modules that make embeddings out of others: what they return is where the stream begins.
        norms: "layer", "rms", or "layer + 1" and "rms + 1" where the gain is one plus the weight.
        eps: Of norms that do not tell theirs.
        float32_norms: What norms round to float32 whatever the model's format: "scale", "vector".
        longest: The setting that says how many tokens the model takes.
        counts_padding: Whether positions are counted from the padding id.
        needs: (setting, the value that works, why no other).
        refuses: (name of an input, why it is not taken).
    """

    layers: str
    sublayers: tuple[Sublayer, ...]
    embedding: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    norms: str = "layer"
    eps: float = 0.0
    float32_norms: str = ""
    longest: str = LONGEST
    counts_padding: bool = False
    needs: tuple[tuple[str, Any, str], ...] = ()
    refuses: tuple[tuple[str, str], ...] = ()

    def without_norms(self) -> tuple[Sublayer, ...]:
        """The sublayers of a family that is built alike, but has no norms on the stream within its layers."""
        return tuple(replace(sublayer, norm="") for sublayer in self.sublayers)
