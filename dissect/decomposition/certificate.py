"""Whether each term is what it is said to be: by routes of their own, since their sum does not tell.

What a family's row claims is tried on the model itself, with other biases and gains, since new models
have zeros and ones there, which hide mistakes:

- which term a sublayer writes to: with all others silent, h lets one token know of another, and
  without h none does;
- what a sublayer adds whatever its input: attention is given nothing to mix but biases, a feed-forward's
  last projection is given zeros, and what comes out is compared;
- where the stream begins: twice the embeddings have to be twice its start, which no norm and no bias is;
- each term by itself: the pass is run again through the model's own layers, with the norms' numbers held
  fixed and one term alone in the stream.
"""

import operator
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from dissect.decomposition.decomposer import TOLERANCE, Decomposer
from dissect.decomposition.families import find
from dissect.decomposition.fold import fold
from dissect.decomposition.record import recording
from dissect.decomposition.sites import Site, Sites
from dissect.decomposition.trace import Add, Map, Norm, Trace
from dissect.errors import WrongTerm

SHIFT = 0.1  # how far biases and gains are moved


@torch.no_grad()
def certify(decomposer: Decomposer, **inputs: Any) -> dict[str, float]:
    """How far each term is from what its own routes give. The model is left as it was found.

    Args:
        decomposer: The model's.
        **inputs: As of `decompose`, without padding.

    Returns:
        By term, relative to the embedding.

    Raises:
        WrongTerm: That is more than the number format allows; the message names what is wrong.
    """
    allowed = 10 * max(decomposer.tolerance(decomposer.model.dtype), 1e-9)
    with moved(decomposer.base):
        certified_names(decomposer, inputs, allowed)
        # many families compute attention weights in float32 whatever the format
        certified_constants(decomposer, inputs, max(allowed, TOLERANCE[torch.float32]))
        certified_start(decomposer, inputs, allowed)
        missed = replayed(decomposer, inputs)
    for term, by in missed.items():
        if not by <= allowed:
            raise WrongTerm(
                f"term {term} is not what the model's own layers make of it: it misses by {by:.0e}"
            )
    return missed


@contextmanager
def moved(base: nn.Module) -> Iterator[None]:
    """Other biases and gains while the block runs."""
    vectors = [
        one
        for name, one in base.named_parameters()
        if (one.dim() == 1 or name.endswith("bias")) and one.is_floating_point()
    ]
    kept = [one.clone() for one in vectors]
    generator = torch.Generator().manual_seed(0)
    for one in vectors:
        one.add_((SHIFT * torch.randn(one.shape, generator=generator)).to(one))
    try:
        yield
    finally:
        for one, before in zip(vectors, kept, strict=True):
            one.copy_(before)


def certified_constants(decomposer: Decomposer, inputs: dict[str, Any], allowed: float) -> None:
    """Try what each sublayer adds whatever its input.

    Args:
        decomposer: The model's.
        inputs: As of `decompose`.
        allowed: How far each constant may be off, relative to the larger of both.

    Raises:
        WrongTerm: A sublayer adds something else than its constant to what it is given.
    """
    sites = decomposer.sites()
    outs = {id(site.out) for site in sites.sublayers}
    for n, site in enumerate(sites.sublayers):
        seen: list[Tensor] = []
        with recording(sites) as trace, ExitStack() as stack:
            if site.sublayer.experts:
                experts_silenced(stack, site)
            elif site.sublayer.term == "f":
                silenced(stack, site.out)
            else:
                for module in site.layer.modules():
                    if is_projection(module) and id(module) not in outs:
                        silenced(stack, module)
            stack.callback(site.out.register_forward_hook(keeping(seen)).remove)
            decomposer._run(inputs)
        there = seen[0].to(site.constant).flatten(0, -2)
        constant = site.constant.expand_as(there)
        if (varying := varying_of(trace, site)[0]) is not None:
            constant = constant + varying.flatten(0, -2)
        size = torch.maximum(there.norm(dim=-1).max(), constant.norm(dim=-1).max())
        if size > 0 and not (missed := ((there - constant).norm(dim=-1).max() / size).item()) <= allowed:
            raise WrongTerm(
                f"what biases add in sublayer {n + 1} ({site.sublayer.out}) is {missed:.0%} off: the row "
                "takes the bias of the values from the wrong place, or attention's rows do not sum to one"
            )


def certified_start(decomposer: Decomposer, inputs: dict[str, Any], allowed: float) -> None:
    """Try where the stream begins: twice the embeddings have to be twice its start.

    Args:
        decomposer: The model's.
        inputs: As of `decompose`.
        allowed: How far the two may be apart, relative to twice the start.

    Raises:
        WrongTerm: A norm or a bias comes before what the row takes for the start.
    """
    sites = decomposer.sites()
    computed = [find(decomposer.base, path) for path in decomposer.family.computed]
    within = {id(module) for whole in (*sites.layers, *computed) for module in whole.modules()}
    tables: dict[int, Tensor] = {}  # each once, where some are tied
    for module in decomposer.base.modules():
        own = [*module.parameters(recurse=False), *(one for one in module.buffers(False) if one.dim() > 1)]
        own = [one for one in own if one.is_floating_point()]
        if id(module) not in within and not is_projection(module) and any(one.dim() > 1 for one in own):
            tables |= {id(one): one for one in own}
    once = start_of(decomposer, inputs)
    for table in tables.values():
        table *= 2
    try:
        with ExitStack() as stack:
            for module in computed:
                stack.callback(module.register_forward_hook(lambda m, args, out: 2 * out).remove)
            twice = start_of(decomposer, inputs)
    finally:
        for table in tables.values():
            table /= 2
    missed = ((twice - 2 * once).norm() / (2 * once).norm()).item()
    if not missed <= allowed:
        raise WrongTerm(
            f"term i begins in the wrong place ({missed:.0%} off): a norm or a bias comes before what the "
            "row takes for the start of the stream; list it under `embedding`"
        )


def start_of(decomposer: Decomposer, inputs: dict[str, Any]) -> Tensor:
    """The raw embeddings of a pass, as the row takes them."""
    with recording(decomposer.sites()) as trace:
        decomposer._run(inputs)
    assert trace.start is not None
    return trace.start


def certified_names(decomposer: Decomposer, inputs: dict[str, Any], allowed: float) -> None:
    """Try which sublayers let a token know of others.

    Args:
        decomposer: The model's.
        inputs: As of `decompose`.
        allowed: How far one token may move by another without attention, relative to its length.

    Raises:
        WrongTerm: A feed-forward mixes tokens, or attention does not.
    """
    sites = decomposer.sites()

    def state(sounding: Callable[[Site], bool], another_token: bool) -> Tensor:
        """What comes out where only some sublayers are heard, with another first token or not."""
        with ExitStack() as stack:
            for site in {id(site.out): site for site in sites.sublayers if not sounding(site)}.values():
                hook = site.out.register_forward_hook(lambda m, a, out: torch.zeros_like(out))
                stack.callback(hook.remove)
            if another_token:
                at_first(stack, entrance(sites), other_first_token)
            return decomposer._run(inputs).last_hidden_state[:, 1:]

    def knows(sounding: Callable[[Site], bool]) -> float:
        plain, other = state(sounding, False), state(sounding, True)
        return ((plain - other).norm() / plain.norm()).item()

    told = knows(lambda site: site.sublayer.term != "h")
    if not told <= allowed:
        raise WrongTerm("a sublayer that the row does not name attention (term h) lets tokens know of others")
    for site in sites.sublayers:
        if site.sublayer.term == "h" and not knows(partial(operator.is_, site)) > 0:
            raise WrongTerm(
                f"{site.sublayer.out} is no attention, as the row has it: no token knows of another by it"
            )


def replayed(decomposer: Decomposer, inputs: dict[str, Any]) -> dict[str, float]:
    """How far each term is from what the model's layers make of it alone, relative to the embedding."""
    sites = decomposer.sites()
    with recording(sites) as trace, ExitStack() as stack:
        written = Written(stack, sites.sublayers, trace)
        output = decomposer._run(inputs)
    terms, _ = fold(trace, decomposer.names)
    length = output.last_hidden_state.norm(dim=-1)
    return {
        name: ((alone(decomposer, inputs, trace, written, name) - term).norm(dim=-1) / length).max().item()
        for name, term in zip(decomposer.names, terms, strict=True)
    }


class Written:
    """What each sublayer wrote in a pass, as it left its projection and as it joined the stream."""

    def __init__(self, stack: ExitStack, sublayers: list[Site], trace: Trace):
        self.trace = trace
        self.outs: dict[int, list[Tensor]] = {}
        for site in sublayers:
            for module in filter(None, (site.out, site.branch_norm)):
                seen = self.outs.setdefault(id(module), [])
                stack.callback(module.register_forward_hook(keeping(seen)).remove)

    def part(self, site: Site, call: int, of_biases: bool) -> Tensor:
        """Of what a sublayer wrote: what its constant makes, or all the rest.

        Args:
            site: The sublayer's.
            call: Which of its calls in the pass, from 0.
            of_biases: Whether it is the constant's part that is wanted.

        Returns:
            (batch, tokens, hidden).
        """
        plain, constant = self.outs[id(site.out)][call], site.constant
        if (varying := varying_of(self.trace, site)[call]) is not None:
            constant = constant + varying.view_as(plain)
        if site.branch_norm is None:
            return constant.to(plain).expand_as(plain) if of_biases else plain - constant.to(plain)
        normed = self.outs[id(site.branch_norm)][call]
        ours = torch.where(plain == 0, 0, constant.to(plain) * normed / plain)  # scaled as all of it was
        return ours if of_biases else normed - ours


def alone(
    decomposer: Decomposer, inputs: dict[str, Any], trace: Trace, written: Written, term: str
) -> Tensor:
    """What the model returns where nothing but one term is in the stream, and norms do what they did.

    Args:
        decomposer: The model's.
        inputs: As of `decompose`.
        trace: The recorded pass, which has the norms' numbers.
        written: What sublayers wrote in it.
        term: The name of the term.

    Returns:
        (batch, tokens, hidden).
    """
    sites = decomposer.sites()
    operations = iter(one for one in trace.operations if not isinstance(one, Add))
    shifts = float(term == "c")  # whether means and biases have a part in it

    def operated(module: nn.Module, args: Any, kwargs: Any, out: Tensor) -> Tensor:
        operation = next(operations)
        if isinstance(operation, Map):
            return out if shifts or operation.bias is None else out - operation.bias.to(out)
        assert isinstance(operation, Norm)
        x = (args[0] if args else kwargs["hidden_states"]).view(*operation.rstd.shape[:2], -1)
        mean = 0 if operation.mean is None else shifts * operation.mean
        bias = 0 if operation.bias is None else shifts * operation.bias
        return (operation.gain * (x - mean) * operation.rstd + bias).to(out).view_as(out)

    with ExitStack() as stack:
        if term != "i":
            at_first(stack, entrance(sites), torch.zeros_like)
        watched = [*sites.early, *sites.final, *(site.norm for site in sites.sublayers)]
        for module in {id(module): module for module in watched if module is not None}.values():
            stack.callback(module.register_forward_hook(operated, with_kwargs=True).remove)
        for site in sites.sublayers:
            calls = iter(range(len(written.outs[id(site.out)])))

            def hook(module: Any, args: Any, out: Tensor, site: Site = site, calls: Any = calls) -> Tensor:
                call = next(calls)
                if term == "c" or term == site.sublayer.term:
                    return written.part(site, call, term == "c").reshape(out.shape).clone()
                return torch.zeros_like(out)

            last = site.out if site.branch_norm is None else site.branch_norm
            stack.callback(last.register_forward_hook(hook).remove)
        return decomposer._run(inputs).last_hidden_state


# ---- hooks ----


def varying_of(trace: Trace, site: Site) -> list[Tensor | None]:
    """What depends on the token of what biases add, at each of a sublayer's calls in a pass."""
    adds = [one for one in trace.operations if isinstance(one, Add) and one.where is not None]
    return [one.varying for one in adds if one.where and find(one.where[0], one.where[1].out) is site.out]


def is_projection(module: Any) -> bool:
    """Whether a module is an affine map, torch's Linear or GPT-2's Conv1D."""
    return isinstance(module, nn.Linear) or hasattr(module, "nx")


def entrance(sites: Sites) -> nn.Module:
    """The module that the stream enters first."""
    return (sites.early or sites.layers)[0]


def keeping(seen: list[Tensor]) -> Callable[[Any, Any, Tensor], None]:
    """A hook that keeps what comes out of a module, which some models write into afterwards."""
    return lambda module, args, out: seen.append(out.clone())


def silenced(stack: ExitStack, module: nn.Module) -> None:
    """Zeros for what enters a module."""
    hook = module.register_forward_pre_hook(lambda m, args: (torch.zeros_like(args[0]), *args[1:]))
    stack.callback(hook.remove)


def experts_silenced(stack: ExitStack, site: Site) -> None:
    """Zeros for what enters all projections of a feed-forward, and for the matrices of its experts."""
    for module in site.out.modules():
        if is_projection(module):
            silenced(stack, module)
    for matrices in site.out.parameters():
        if matrices.dim() == 3:
            kept = matrices.clone()
            stack.callback(matrices.copy_, kept)
            matrices.zero_()


def at_first(stack: ExitStack, module: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
    """Change what enters a module for the first time.

    Args:
        stack: Takes the hook away when it closes.
        module: Whose input it is.
        change: From what enters, (batch, tokens, hidden), to what is to enter.
    """
    done: list[bool] = []

    def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
        if done:
            return None
        done.append(True)
        if args:
            return (change(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": change(kwargs["hidden_states"])}

    stack.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)


def other_first_token(x: Tensor) -> Tensor:
    """A stream with another vector at its first place."""
    x = x.clone()
    x[:, 0] = x[:, 0].flip(-1) * 1.5
    return x
