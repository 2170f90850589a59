"""How probes are trained: several side by side, on the same batches, until each has settled.

What they share, the order of the items and what is dropped out, is drawn from the seed alone. So a probe
learns the same whatever is trained beside it, and two that read different terms differ by these alone.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from dissect.experiments.probes.precision import pick_precision
from dissect.experiments.probes.training import Judged, Score, Training, Watch
from dissect.features import EPOCHS
from dissect.models import pick_device
from dissect.progress import track_named

SURE = 2.5  # standard errors: 1 in 160 where nothing was learned, and most of that in an epoch or two
AT_ONCE = 4096  # rows that are answered for


class Probe(nn.Module):
    """What is trained.

    It takes vectors (items, d), the rows that they belong to, (items,), and what its units are multiplied by
    to drop some out, (items, d) or None; it gives logits, (items, classes).

    Attributes:
        sparse: The names of weights that are given sparse gradients.
    """

    sparse: tuple[str, ...] = ()


class Learner:
    """A probe in training, and the best that it has been.

    Args:
        probe: See `Probe`.
        x: All vectors, (rows, d).
        target: The class of each row, (rows,), in the order of the logits.
        training: How it is trained.
    """

    def __init__(self, probe: Probe, x: Tensor, target: Tensor, training: Training):
        self.device = pick_device()
        self.probe, self.x, self.target, self.training = probe.to(self.device), x, target, training
        self.optimizer = torch.optim.AdamW(
            self.probe.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )  # fmt: skip
        weights = dict(self.probe.named_parameters())
        # AdamW takes dense gradients, into which sparse ones are added up; large ones are made once
        self.dense = {weights[name]: torch.zeros_like(weights[name]) for name in self.probe.sparse}
        self.epochs = self.stale = 0
        self.untrained: Tensor | None = None
        self.best = Judged(-math.inf, math.inf)
        self.state = self.weights()

    def weights(self) -> dict[str, Tensor]:
        """The weights as they are now."""
        return {name: value.clone() for name, value in self.probe.state_dict().items()}

    def forget(self) -> None:
        """Take the gradients of the last step away."""
        self.optimizer.zero_grad()
        for weight, gradient in self.dense.items():
            weight.grad = gradient.zero_()

    def losses(self, out: Tensor, n: Tensor) -> Tensor:
        """The loss of each of some rows, in nats.

        Args:
            out: Their logits, (items, classes).
            n: The rows.
        """
        return F.cross_entropy(out.float(), self.target[n].to(out.device), reduction="none")

    @torch.no_grad()
    def outputs(self, rows: Tensor) -> Tensor:
        """The logits of rows, in float32, with nothing dropped out."""
        parts = [self.probe(self.x[n].to(self.device), n, None) for n in rows.split(AT_ONCE)]
        return torch.cat(parts)

    @torch.no_grad()
    def judge(self, dev: Tensor, score: Score | None) -> Judged:
        """How the weights do on `dev`; they are kept where they surely do better than the untrained.

        Args:
            dev: Rows; without any the last weights are kept.
            score: What weights are chosen by; by default minus the loss.
        """
        if not len(dev):
            self.best, self.state = Judged(-math.inf, math.inf), self.weights()
            return self.best
        out = self.outputs(dev)
        losses = self.losses(out, dev).cpu().double()  # Apple's GPUs have no float64
        mean = losses.mean().item()
        now = Judged(-mean if score is None else score(out, dev), mean)
        if self.untrained is None:
            self.untrained, self.best = losses, now
            return now
        self.stale += 1
        better = (now.score, -now.loss) > (self.best.score, -self.best.loss)
        if better and surely_lower(losses, self.untrained):
            self.best, self.state, self.stale = now, self.weights(), 0
        return now

    def told(self) -> dict[str, Tensor]:
        """For how many epochs it was trained, as answers tell it; (1,)."""
        return {EPOCHS: torch.tensor([self.epochs])}

    def goes_on(self) -> bool:
        """Whether it has epochs left, and has not settled."""
        return self.epochs < self.training.epochs and self.stale <= self.training.patience


def fit(
    learners: Sequence[Learner],
    train: Tensor,
    dev: Tensor,
    seed: int,
    watch: Watch | None = None,
    score: Score | None = None,
    stacked: bool | None = None,
) -> None:
    """Train probes on some rows, and leave each with the weights that did best on others.

    The weights with the best score on `dev` are kept, of equal ones those with the lowest loss. But none are
    that do not surely do better in loss than the untrained probe, which is to be the baseline: so where
    nothing can be learned the probe stays the baseline, and no luck on `dev` is chosen for what it costs
    elsewhere. Without `dev` the last weights are kept.

    Args:
        learners: Of one kind of probe; their trainings agree in the size of batches.
        train: Rows to train on.
        dev: Rows to stop by.
        seed: Of the order of the rows, and of what is dropped out.
        watch: Told of every epoch of every probe; may end the training by raising.
        score: What weights are chosen by; by default minus the loss.
        stacked: Whether their matrices are multiplied as one stack; by default on accelerators, where many
            small products leave most of it idle. A processor has enough to do with one, and one by one each
            learns bit for bit what it would alone.

    Raises:
        ValueError: Trainings do not agree in the size of batches.
    """
    sizes = {learner.training.suited_to(len(train)).batch_size for learner in learners}
    if len(sizes) != 1:
        raise ValueError(f"probes that are trained together have one size of batches, not {sorted(sizes)}")
    size = sizes.pop()
    order = torch.Generator().manual_seed(seed)
    drops = torch.Generator().manual_seed(seed)  # on the processor, as on every machine
    stacked = learners[0].device.type != "cpu" if stacked is None else stacked
    for learner in learners:
        learner.judge(dev, score)
    for _ in track_named(itertools.count(), "epochs"):
        at_work = [learner for learner in learners if learner.goes_on()]
        if not at_work:
            break
        for n in train[torch.randperm(len(train), generator=order)].split(size):
            step(at_work, n, list(kept_units(at_work, len(n), drops)), stacked)
        for learner in at_work:
            learner.epochs += 1
            now = learner.judge(dev, score)
            if watch:
                watch(learner.epochs - 1, now, learner.best)
    for learner in learners:
        learner.probe.load_state_dict(learner.state)


def step(learners: Sequence[Learner], n: Tensor, kept: Sequence[Tensor | None], stacked: bool) -> None:
    """One step of each on the same rows.

    Args:
        learners: The probes.
        n: The rows.
        kept: Of each, the factors that drop units out.
        stacked: Whether their matrices are multiplied as one stack.
    """
    for learner in learners:
        learner.forget()
    xs = [learner.x[n].to(learner.device) for learner in learners]
    if stacked:
        outs = outputs_of_stack(learners, xs, n, kept)
        means = [learner.losses(out, n).mean() for learner, out in zip(learners, outs, strict=True)]
        torch.stack(means).sum().backward()  # which of each takes its own gradient
    else:
        for learner, x, factors in zip(learners, xs, kept, strict=True):
            with rounded(learner.device):
                out = learner.probe(x, n, factors)
            learner.losses(out, n).mean().backward()
    for learner in learners:
        learner.optimizer.step()


def outputs_of_stack(
    learners: Sequence[Learner], xs: Sequence[Tensor], n: Tensor, kept: Sequence[Tensor | None]
) -> Tensor:
    """The logits of all probes, (probes, items, classes), by one product for each of their layers.

    Args:
        learners: The probes.
        xs: The vectors of each.
        n: The rows.
        kept: Of each, the factors that drop units out.
    """
    probe = learners[0].probe
    of_each = [dict(learner.probe.named_parameters()) for learner in learners]
    weights = {name: torch.stack([one[name] for one in of_each]) for name in of_each[0]}
    factors = None
    if any(one is not None for one in kept):
        factors = torch.stack([torch.ones_like(x) if k is None else k for k, x in zip(kept, xs, strict=True)])

    def one(w: dict[str, Tensor], x: Tensor, k: Tensor | None) -> Tensor:
        return functional_call(probe, w, (x, n, k))

    with rounded(learners[0].device):
        of_kept = None if factors is None else 0
        return torch.vmap(one, in_dims=(0, 0, of_kept))(weights, torch.stack(list(xs)), factors)


def kept_units(
    learners: Sequence[Learner], items: int, generator: torch.Generator
) -> Iterator[Tensor | None]:
    """Of each probe, what its units are multiplied by: 0 where one is dropped, and the rest made up for.

    A unit is dropped where a number drawn for all probes is below its own share.

    Args:
        learners: The probes.
        items: In the batch.
        generator: Of the draws.

    Yields:
        (items, d), or None where nothing is dropped.
    """
    shares = {learner.training.dropout for learner in learners}
    if shares == {0.0}:
        yield from [None] * len(learners)
        return
    drawn = torch.rand(items, learners[0].x.shape[1], generator=generator).to(learners[0].device)
    factors = {share: (drawn >= share) / (1 - share) for share in shares if 0 < share < 1}
    factors |= {share: torch.zeros_like(drawn) for share in shares if share >= 1}
    for learner in learners:
        yield factors.get(learner.training.dropout)


def rounded(device: torch.device) -> AbstractContextManager:
    """Where products of matrices are in bfloat16, if that is asked for."""
    if pick_precision() == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def surely_lower(losses: Tensor, others: Tensor) -> bool:
    """Whether losses are lower than others of the same items by more than chance.

    Their mean difference has to be more than `SURE` of its standard errors; that of one item says nothing.

    Args:
        losses: (items,).
        others: (items,).
    """
    gain = others - losses
    return len(gain) > 1 and bool(gain.mean() > SURE * gain.std() / len(gain) ** 0.5)
