"""An encoder with its decomposition as an ONNX graph, for runtimes other than PyTorch.

The model's own forward pass is recorded as `decomposition.record` does it, and the record is folded here
one operation at a time without writing in place, which makes a plain graph. The numbers are those of
`Decomposer`, which `measure` checks through onnxruntime.
"""

import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from dissect.corpora import text
from dissect.decomposition import (
    Add,
    Decomposer,
    Map,
    Norm,
    Trace,
    has_stacks,
    longest_input,
    recording,
    sized,
)
from dissect.errors import DissectError, UnsupportedModel
from dissect.files import write_text, written_whole
from dissect.models import Loaded, fingerprint

INPUTS = ("input_ids", "attention_mask")  # each (batch, tokens), int64
OUTPUTS = ("last_hidden_state", "terms", "importance", "products")
ALLOWED = 1e-4  # how far a float graph's importance may be from PyTorch's
CHECKED = 40  # sentences of the teaching corpus that errors are measured on
QUANTISED_FROM = 10_000  # numbers: smaller matrices stay float, they weigh nothing
LARGEST = 2**31 - 2**20  # bytes: one file of this format holds no more


class Dissected(nn.Module):
    """An encoder that returns its terms, as a function of the token ids and the mask.

    Raises:
        UnsupportedModel: The model does not read text with one stack.
    """

    def __init__(self, decomposer: Decomposer):
        super().__init__()
        if has_stacks(decomposer.model) or decomposer.model.main_input_name != "input_ids":
            raise UnsupportedModel(
                f"models of the family {decomposer.config.model_type!r} are not exported: give one that "
                "reads text with a single stack of layers, such as BERT"
            )
        self.base = decomposer.base
        self.names = decomposer.names
        self.sites = decomposer.sites()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Terms and what follows from them; 0 is the embedding layer, L the last.

        Args:
            input_ids: (batch, tokens).
            attention_mask: (batch, tokens).

        Returns:
            These, in the order of `OUTPUTS`.

            - last_hidden_state: (batch, tokens, hidden), e, what the model returns;
            - terms: (4, batch, tokens, hidden), those of the last layer;
            - importance: (L + 1, 4, batch, tokens), e·x / e·e;
            - products: (L + 1, 4, 4, batch, tokens), x·y / e·e; e·x_S, the length of x_S and its cosine
              with e follow from them for every subset S.
        """
        with recording(self.sites, keep=("states",)) as trace:
            out = self.base(input_ids=input_ids, attention_mask=attention_mask, return_dict=True)
        layers = fold_plainly(trace, self.names)
        importance, products = [], []
        for e, terms in zip(trace.states, layers, strict=True):
            size, e = sized(e)
            terms, length = terms / size, (e * e).sum(-1)
            importance.append((terms * e).sum(-1) / length)
            products.append((terms[:, None] * terms[None]).sum(-1) / length)
        return out.last_hidden_state, layers[-1], torch.stack(importance), torch.stack(products)


def fold_plainly(trace: Trace, names: Sequence[str]) -> list[Tensor]:
    """The terms at the end of every layer, each (terms, batch, tokens, hidden).

    What `decomposition.fold` computes in closed form, here as a recursion: each operation on the stream is
    carried out on every term, and what depends on no input goes to c.
    """
    assert trace.start is not None
    terms = {name: trace.start if name == "i" else torch.zeros_like(trace.start) for name in names}
    layers = []
    for place in range(len(trace.operations) + 1):
        layers += [torch.stack(list(terms.values())) for end in trace.ends if end == place]
        if place == len(trace.operations):
            break
        operation = trace.operations[place]
        if isinstance(operation, Norm):
            factor = operation.gain * operation.rstd
            terms = {name: term * factor for name, term in terms.items()}
            if operation.mean is not None:
                terms["c"] = terms["c"] - factor * operation.mean
            if operation.bias is not None:
                terms["c"] = terms["c"] + operation.bias
        elif isinstance(operation, Map):
            terms = {name: term @ operation.weight.T for name, term in terms.items()}
            if operation.bias is not None:
                terms["c"] = terms["c"] + operation.bias
        elif isinstance(operation, Add):
            scale = 1.0 if operation.scale is None else operation.scale
            constant = operation.constant * scale
            constant = constant if operation.varying is None else constant + operation.varying
            terms[operation.term] = terms[operation.term] + operation.output - constant
            terms["c"] = terms["c"] + constant
    return layers


def graph_of(loaded: Loaded) -> onnx.ModelProto:
    """The graph of a model and its decomposition: `INPUTS` to `OUTPUTS`, for any batch and length.

    Raises:
        UnsupportedModel: The model cannot be exported.
        DissectError: It is too large.
    """
    module = Dissected(Decomposer(loaded.model)).eval()
    size = sum(weight.numel() * weight.element_size() for weight in loaded.model.parameters())
    if size > LARGEST:
        raise DissectError(
            f"{loaded.label} has {size / 1e9:.1f} GB of weights, more than one ONNX file takes"
        )
    sample = torch.arange(10, 28, device=loaded.model.device).view(2, 9) % loaded.model.config.vocab_size
    axes = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                module,
                (sample, torch.ones_like(sample)),
                input_names=INPUTS,
                output_names=OUTPUTS,
                dynamic_shapes=(axes, axes),
                dynamo=True,
                optimize=False,  # runtimes do it when they load the graph
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0][:160]
        raise UnsupportedModel(
            f"{loaded.label} ({loaded.model.config.model_type}) cannot be exported: PyTorch's exporter "
            f"does not follow its forward pass ({reason}); it follows BERT's"
        ) from None
    finally:
        quiet.setLevel(level)
    return without_notes(program.model_proto)


def without_notes(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without what the exporter noted of source files, which names folders of this machine."""
    for node in graph.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.graph.value_info, *graph.graph.initializer):
        del value.metadata_props[:]
    del graph.graph.metadata_props[:]
    del graph.metadata_props[:]
    return graph


def quantised(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose matrices are 8-bit integers, a scale a row; arithmetic stays float.

    A row w becomes round(w / s), s = max |w| / 127. Quantising activations too (dynamic int8) makes the
    file no smaller and importance less exact.
    """
    graph = onnx.ModelProto.FromString(graph.SerializeToString())
    weights = [one for one in graph.graph.initializer if is_matrix(one)]
    for weight in weights:
        matrix = numpy_helper.to_array(weight)
        scale = np.abs(matrix).max(1, keepdims=True) / 127
        scale[scale == 0] = 1
        integers = np.round(matrix / scale).astype(np.int8)
        graph.graph.initializer.remove(weight)
        graph.graph.initializer.append(numpy_helper.from_array(integers, f"{weight.name}.int8"))
        graph.graph.initializer.append(
            numpy_helper.from_array(scale[:, 0].astype(np.float32), f"{weight.name}.scale")
        )
        parts = [f"{weight.name}.int8", f"{weight.name}.scale"]
        graph.graph.node.insert(0, helper.make_node("DequantizeLinear", parts, [weight.name], axis=0))
    return graph


def is_matrix(weight: onnx.TensorProto) -> bool:
    """Whether an initial value is a float matrix worth quantising."""
    return (
        weight.data_type == onnx.TensorProto.FLOAT
        and len(weight.dims) == 2
        and weight.dims[0] * weight.dims[1] >= QUANTISED_FROM
    )


def session_of(graph: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    """A graph ready to run on the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sentences are short: more threads wait for one another
    options.log_severity_level = 3
    source = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def measure(loaded: Loaded, graph: onnx.ModelProto | Path, texts: Sequence[str]) -> dict[str, float]:
    """How far the graph's importance is from `Decomposer`'s, over layers, terms and tokens.

    Args:
        loaded: The model.
        graph: Its graph, or the file of it.
        texts: Sentences, which are taken one at a time.

    Returns:
        Under sentences, tokens, max, p99 (the 99th percentile), mean; these three of `|difference|`.
    """
    session, decomposer = session_of(graph), Decomposer(loaded.model)
    missed, tokens = [], 0
    for sentence in texts:
        batch = loaded.tokenizer(sentence, return_tensors="pt", truncation=False, verbose=False)
        inputs = {name: batch[name].to(loaded.model.device) for name in INPUTS}
        theirs = torch.stack([parts.importance() for parts in decomposer.each_layer(**inputs)]).cpu()
        (ours,) = session.run(["importance"], {name: batch[name].numpy() for name in INPUTS})
        missed.append((torch.from_numpy(ours) - theirs).abs().flatten())
        tokens += batch["input_ids"].shape[1]
    every = torch.cat(missed)
    return {
        "sentences": len(texts),
        "tokens": tokens,
        "max": every.max().item(),
        "p99": every.quantile(0.99).item(),
        "mean": every.mean().item(),
    }


def save(loaded: Loaded, graph: onnx.ModelProto, out: Path, quantise: bool) -> dict[str, Any]:
    """Write a graph to `out`, and beside it, as .json, what it is and how exact: the dictionary returned.

    Args:
        loaded: The model.
        graph: Its graph.
        out: A file.
        quantise: Whether matrices become 8-bit integers.

    Raises:
        DissectError: A float graph does not give PyTorch's numbers.
    """
    graph = quantised(graph) if quantise else graph
    error = measure(loaded, graph, text(limit=CHECKED))
    if not quantise and not error["max"] <= ALLOWED:
        raise DissectError(
            f"the graph of {loaded.label} misses PyTorch's importance by {error['max']:.1e}: not written"
        )
    with written_whole(out) as unfinished:
        onnx.save(graph, str(unfinished))
    about = {
        "model": loaded.label,
        "fingerprint": fingerprint(loaded.model),
        "layers": loaded.model.config.num_hidden_layers,
        "longest": longest_input(loaded.model),
        "inputs": INPUTS,
        "outputs": OUTPUTS,
        "weights": "int8" if quantise else "float32",
        "bytes": out.stat().st_size,
        "error": error,  # of importance, against PyTorch
    }
    write_text(out.with_suffix(".json"), json.dumps(about, indent=2) + "\n")
    return about


def export(loaded: Loaded, out: Path, quantise: bool = False) -> dict[str, Any]:
    """`dissect export-onnx`: the graph of a model, written to `out`, and its .json beside it.

    Raises what `graph_of` and `save` raise.

    Args:
        loaded: The model.
        out: A file.
        quantise: Whether matrices become 8-bit integers.
    """
    return save(loaded, graph_of(loaded), out, quantise)
