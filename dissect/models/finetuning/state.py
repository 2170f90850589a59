"""The state of a training as files: tensors as safetensors, the rest as JSON, and nothing pickled."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor
from transformers import Trainer

WEIGHTS, TENSORS = "model.safetensors", "tensors.safetensors"
TRAINER, ABOUT = "trainer_state.json", "about.json"  # the first by the name that the Trainer has for it
OPTIMIZER, RANDOM = "optimizer", "random"  # what names of tensors begin with


def write(trainer: Trainer, folder: Path, told: dict[str, Any]) -> None:
    """Write all that a training needs to go on.

    Args:
        trainer: Between two steps.
        folder: An empty one.
        told: What goes into about.json besides.
    """
    held: Any = trainer
    tensors, groups = parted(held.optimizer.state_dict())
    drawn, of_random = random_state(held.model.device)
    save_model(held.model, str(folder / WEIGHTS))
    save_file(named(OPTIMIZER, tensors) | named(RANDOM, drawn), folder / TENSORS)
    held.state.save_to_json(str(folder / TRAINER))
    loss = {"loss": held._tr_loss.item(), "logged": held._globalstep_last_logged}
    rest = {"groups": groups, "scheduler": held.lr_scheduler.state_dict(), RANDOM: of_random, **loss}
    (folder / ABOUT).write_text(json.dumps(told | rest), encoding="utf-8")


def about(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself; nothing where it cannot be read."""
    try:
        return json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def whole(folder: Path) -> bool:
    """Whether all files of a checkpoint can be opened, and are as long as they say."""
    try:
        json.loads((folder / TRAINER).read_text(encoding="utf-8"))
        for name in (WEIGHTS, TENSORS):
            with safe_open(folder / name, "pt"):
                pass
        return bool(about(folder))
    except Exception:  # of a damaged file safetensors may raise anything
        return False


def read_weights(trainer: Trainer, folder: Path) -> None:
    """Give a training's model the weights of a checkpoint."""
    held: Any = trainer
    load_model(held.model, folder / WEIGHTS)


def read_optimizer(trainer: Trainer, folder: Path) -> None:
    """Give a training the rates and moments of a checkpoint."""
    held: Any = trainer
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors_of(folder, OPTIMIZER).items():
        parameter, _, what = name.partition(".")
        state.setdefault(int(parameter), {})[what] = tensor
    optimizer = getattr(held.optimizer, "optimizer", held.optimizer)  # within what accelerate makes of it
    optimizer.load_state_dict({"state": state, "param_groups": about(folder)["groups"]})
    held.lr_scheduler.load_state_dict(about(folder)["scheduler"])


def read_loss(trainer: Trainer, folder: Path) -> None:
    """Give a training the loss of the epoch up to a checkpoint."""
    held: Any = trainer
    held._tr_loss += about(folder)["loss"]
    held._globalstep_last_logged = about(folder)["logged"]


def read_random(trainer: Trainer, folder: Path) -> None:
    """Draw on as a training would have drawn after a checkpoint."""
    held: Any = trainer
    tensors, rest = tensors_of(folder, RANDOM), about(folder)[RANDOM]
    version, gauss = rest["python"]
    random.setstate((version, tuple(tensors["python"].tolist()), gauss))
    kind, *places = rest["numpy"]
    np.random.set_state((kind, tensors["numpy"].numpy().astype(np.uint32), *places))
    torch.set_rng_state(tensors["torch"])
    if "device" in tensors:
        torch.get_device_module(held.model.device).set_rng_state(tensors["device"])


def random_state(device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What random numbers are drawn next, by Python, NumPy, torch and the device: tensors, and the rest."""
    version, of_python, gauss = random.getstate()
    kind, of_numpy, *places = np.random.get_state()
    tensors = {
        "python": torch.tensor(of_python), "torch": torch.get_rng_state(),
        "numpy": torch.from_numpy(np.asarray(of_numpy).astype(np.int64)),
    }  # fmt: skip
    if device.type != "cpu":
        tensors["device"] = torch.get_device_module(device).get_rng_state()
    return tensors, {"python": [version, gauss], "numpy": [kind, *places]}


def parted(state: dict[str, Any]) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """The state of an optimizer: its tensors by parameter and name, and its groups."""
    tensors = {
        f"{parameter}.{name}": value.detach().cpu().contiguous()
        for parameter, of in state["state"].items()
        for name, value in of.items()
    }
    return tensors, state["param_groups"]


def named(kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with what they are of before their names."""
    return {f"{kind}.{name}": tensor for name, tensor in tensors.items()}


def tensors_of(folder: Path, kind: str) -> dict[str, Tensor]:
    """Those of a checkpoint's tensors that are of one kind, by their names without it."""
    tensors = load_file(folder / TENSORS)
    return {
        name.removeprefix(f"{kind}."): tensor
        for name, tensor in tensors.items()
        if name.startswith(f"{kind}.")
    }
