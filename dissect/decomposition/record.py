"""What happens to the residual stream in one forward pass, recorded by hooks."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from dissect.decomposition.families import Beside
from dissect.decomposition.sites import Site, Sites
from dissect.decomposition.trace import Add, Map, Norm, Trace, work_dtype
from dissect.errors import UnsupportedModel

ROUTED = ("given", "experts", "shares")  # what the experts of a mixture are called with


@contextmanager
def recording(sites: Sites, keep: tuple[str, ...] = (), only: str | None = None) -> Iterator[Trace]:
    """Record the next forward pass; the hooks are gone when the block ends.

    Args:
        sites: Where the model has what its family's row names.
        keep: "states", and what to keep of sublayers in `Add.seen`: "entered" (the input of a
            feed-forward), "projected" (the input of the output projection), "values" (of attention),
            "routed" (what the experts of a mixture are given).
        only: Record nothing but the additions to this term.
    """
    recorder = Recorder(sites, keep, only)
    try:
        recorder.attach()
        with torch.compiler.set_stance("force_eager"):  # compiled code would go round the hooks
            yield recorder.trace
    finally:
        recorder.stack.close()


class Recorder:
    """Hooks on one model, which write what they see into one trace."""

    def __init__(self, sites: Sites, keep: tuple[str, ...], only: str | None):
        self.sites, self.keep, self.only = sites, keep, only
        parameter = next(sites.base.parameters())
        self.dtype, self.device = work_dtype(parameter.dtype), parameter.device
        self.trace = Trace()
        self.stack = ExitStack()
        self.seen: dict[str, Tensor] = {}
        self.added: Counter[str] = Counter()  # additions so far, by term

    def attach(self) -> None:
        """Hang all hooks."""
        if self.only is None:
            for module in self.sites.early:
                self.before(module, self.on_start)
                self.watch(module)
        first = self.sites.layers[0]
        first = first.ends()[0] if isinstance(first, Beside) else first
        self.before(first, self.on_start)
        for site in self.sites.sublayers:
            if self.only in (None, site.sublayer.term):
                self.attach_sublayer(site)
        if self.only is None:
            for module in self.sites.final:
                self.watch(module)
        if "states" in self.keep:
            self.before(first, self.on_first_layer)
            for layer in self.sites.layers:
                self.after(layer.ends()[1] if isinstance(layer, Beside) else layer, self.on_layer_end)
            for module in self.sites.final:
                self.after(module, self.on_final)

    def attach_sublayer(self, site: Site) -> None:
        """Hang the hooks on one sublayer."""
        keep = self.seen.__setitem__
        if "entered" in self.keep and site.enters is not None:
            self.before(site.enters, lambda x: keep("entered", x))
        if "values" in self.keep and site.value is not None:
            self.after(site.value, lambda x: keep("values", x))
        if "projected" in self.keep:
            self.before(site.out, lambda x: keep("projected", x))
        if site.experts is not None and ("routed" in self.keep or site.scaled is not None):
            self.routed(site.experts)
        constant = self.work(site.constant)
        self.after(site.out, lambda x: self.on_add(site, constant, x))
        if site.weights is not None:
            self.weighted(site.weights, lambda weights: self.on_weights(site, weights))
        module = site.branch_norm
        if module is not None:
            self.before(module, lambda x: self.on_branch_norm(module, x))
            self.after(module, self.on_branch_end)
        if site.norm is not None and self.only is None:
            self.watch(site.norm)

    def work(self, x: Tensor) -> Tensor:
        """As terms are computed: in the format they accumulate in, on one device."""
        return x.to(self.device, self.dtype)

    # ---- what hooks do ----

    def on_start(self, x: Tensor) -> None:
        """Note where the stream begins; only the first time counts."""
        if self.trace.start is None:
            self.trace.start = self.work(x)

    def on_first_layer(self, x: Tensor) -> None:
        """Note the stream before the first layer."""
        if not self.trace.states:  # where layers are one and the same module, it comes again
            self.on_layer_end(x)

    def on_layer_end(self, out: Tensor) -> None:
        """Note the stream after a layer, and which operations led there."""
        self.trace.states.append(out)
        self.trace.ends.append(len(self.trace.operations))

    def on_final(self, out: Tensor) -> None:
        """Note the stream after a final norm, in the place of that before it."""
        self.trace.states[-1] = out
        self.trace.ends[-1] = len(self.trace.operations)

    def on_add(self, site: Site, constant: Tensor, out: Tensor) -> None:
        """Note what a sublayer adds, as it leaves its projection.

        Args:
            site: The sublayer's.
            constant: What it adds whatever its input, (hidden,).
            out: All that it adds, (batch, tokens, hidden).
        """
        seen = {
            name: x if name in ROUTED else self.like_stream(self.work(x)) for name, x in self.seen.items()
        }
        self.seen.clear()
        term = site.sublayer.term
        self.added[term] += 1
        # multiplied in the model's format, as the model does it
        output = self.like_stream(self.work(out if site.times == 1 else site.times * out))
        output = output.clone() if site.sublayer.overwritten else output
        add = Add(term, self.added[term], output, site.times * constant, gain=site.times, seen=seen)
        add.where = site.layer, site.sublayer
        if site.scaled is not None and "experts" in seen:  # by the say of each that a token goes to
            biases = site.times * self.work(site.scaled)[seen["experts"].to(self.device)]
            add.varying = self.like_stream((self.work(seen["shares"]).unsqueeze(-1) * biases).sum(-2))
        self.trace.operations.append(add)

    def on_weights(self, site: Site, weights: Tensor) -> None:
        """Note what the value bias made, in proportion to what each row of attention sums to.

        Args:
            site: The sublayer's, whose output is the last that was added.
            weights: Of its attention, (batch, heads, tokens, sources).
        """
        add = self.trace.operations[-1]
        assert isinstance(add, Add) and site.scaled is not None
        add.seen["sums"] = self.work(weights).sum(-1).transpose(1, 2)
        add.varying = add.seen["sums"] @ (site.times * self.work(site.scaled))

    def on_branch_norm(self, module: nn.Module, x: Tensor) -> None:
        """Note what a norm makes of the sublayer's output before it joins the stream.

        Raises:
            UnsupportedModel: It is no RMS norm, or not on the output of a sublayer that adds what its biases
                make to every token alike.
        """
        add, norm = self.trace.operations[-1], self.norm_of(module, x)
        if not isinstance(add, Add) or norm.mean is not None or norm.bias is not None:
            raise UnsupportedModel("a norm on a branch has to be an RMS norm on a sublayer's output")
        if add.varying is not None:
            raise UnsupportedModel(
                "what biases add to a branch with a norm has to be the same for all tokens"
            )
        add.scale, add.gain, add.constant = norm.rstd, norm.gain, norm.gain * add.constant

    def on_branch_end(self, out: Tensor) -> None:
        """Note what joins the stream after the norm."""
        add = self.trace.operations[-1]
        assert isinstance(add, Add)
        add.output = self.work(out)

    def like_stream(self, x: Tensor) -> Tensor:
        """OPT puts all tokens of a batch in one row; give them back their sentences."""
        assert self.trace.start is not None
        return x if x.dim() == 3 else x.view(*self.trace.start.shape[:2], -1)

    # ---- norms and maps ----

    def watch(self, module: nn.Module) -> None:
        """Record an operation on the stream, a norm or an affine map, whenever it is called."""
        operations = self.trace.operations
        if isinstance(module, nn.Linear):
            self.before(module, lambda x: operations.append(self.map_of(module)))
        elif type(module) is nn.LayerNorm and "forward" not in vars(module):
            # the same kernel as the module's own, which returns mean and rstd for nothing
            vars(module)["forward"] = lambda x: self.layer_norm(module, x)
            self.stack.callback(vars(module).pop, "forward", None)
        else:
            self.before(module, lambda x: operations.append(self.norm_of(module, x)))

    def map_of(self, module: nn.Linear) -> Map:
        """An affine map of the stream."""
        return Map(self.work(module.weight), None if module.bias is None else self.work(module.bias))

    def layer_norm(self, module: nn.LayerNorm, x: Tensor) -> Tensor:
        """What a layer norm returns, whose mean and deviation are noted."""
        if x.dtype != self.dtype:  # statistics of half formats are taken in float32
            self.trace.operations.append(self.norm_of(module, x))
            return nn.LayerNorm.forward(module, x)
        out, mean, rstd = torch.native_layer_norm(
            x, module.normalized_shape, module.weight, module.bias, module.eps
        )
        bias = None if module.bias is None else self.work(module.bias)
        mean, rstd = (self.like_stream(self.work(number)) for number in (mean, rstd))
        self.trace.operations.append(Norm(self.gain_of(module, x), bias, mean, rstd))
        return out

    def norm_of(self, module: Any, x: Tensor) -> Norm:
        """A norm, with its numbers for what goes into it."""
        x = self.like_stream(self.work(x))
        family = self.sites.family
        eps: float = getattr(module, "variance_epsilon", getattr(module, "eps", family.eps))
        gain = self.gain_of(module, x)
        gain = gain + 1 if family.norms.endswith("+ 1") else gain
        if family.norms.startswith("layer"):
            bias = getattr(module, "bias", None)
            variance, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
            return Norm(gain, None if bias is None else self.work(bias), mean, (variance + eps).rsqrt())
        numbers = x.float() if family.float32_norms else x  # as the model rounds
        rstd = (numbers.square().mean(-1, keepdim=True) + eps).rsqrt()
        return Norm(gain, None, None, rstd.to(x.dtype))

    def gain_of(self, module: Any, x: Tensor) -> Tensor:
        """A norm's gain; ones where it has none."""
        weight = getattr(module, "weight", None)
        return self.work(x.new_ones(x.shape[-1]) if weight is None else weight)

    # ---- hooks ----

    def before(self, module: nn.Module, action: Callable[[Tensor], Any]) -> None:
        """Show the action what goes into a module."""

        def hook(module, args, kwargs):
            x = args[0] if args else kwargs["hidden_states"]
            action(x)

        self.stack.callback(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def after(self, module: nn.Module, action: Callable[[Tensor], Any]) -> None:
        """Show the action what comes out of a module."""

        def hook(module, args, out):
            # of a tuple the vectors: attention weights have one more axis
            x = next(one for one in out if one.dim() < 4) if isinstance(out, tuple) else out
            action(x)

        self.stack.callback(module.register_forward_hook(hook).remove)

    def routed(self, module: nn.Module) -> None:
        """Keep what the experts of a mixture are given: vectors, which experts, how much of each."""

        def hook(module: nn.Module, args: Any) -> None:
            self.seen.update(zip(ROUTED, args, strict=True))

        self.stack.callback(module.register_forward_pre_hook(hook).remove)

    def weighted(self, module: nn.Module, action: Callable[[Tensor], Any]) -> None:
        """Show the action attention's weights, which its module returns beside the vectors."""

        def hook(module: nn.Module, args: Any, out: Any) -> None:
            action(next(one for one in out if one is not None and one.dim() == 4))

        self.stack.callback(module.register_forward_hook(hook).remove)
