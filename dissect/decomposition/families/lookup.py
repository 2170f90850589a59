"""The row of a model, and the modules that its paths name."""

import re
from difflib import get_close_matches
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from dissect.decomposition.families.row import Family
from dissect.decomposition.families.table import FAMILIES, REFUSED
from dissect.errors import UnsupportedModel


def family_of(model: PreTrainedModel, stack: str | None = None) -> Family:
    """The row of a `transformers` model's family; nothing is guessed.

    Args:
        model: A model, with or without a task head.
        stack: "encoder" or "decoder" of an encoder-decoder; by default the decoder where there is one.

    Raises:
        UnsupportedModel: There is no row, or a setting of the model rules the row out.
    """
    config: Any = model.base_model.config
    name = config.model_type
    if name in REFUSED:
        raise UnsupportedModel(f"models of the family {name!r} are not decomposed: {REFUSED[name]}")
    if has_stacks(model):
        name += f".{stack or default_stack(model)}"
    elif stack is not None:
        raise UnsupportedModel(f"stack={stack!r} is for encoder-decoders, and {name!r} is none; leave it out")
    if name not in FAMILIES:
        raise UnsupportedModel(no_row(name))
    for setting, works, why in FAMILIES[name].needs:
        # a setting that is absent, zero or None is switched off
        if (getattr(config, setting, works) or works) != works:
            raise UnsupportedModel(f"{setting}={getattr(config, setting)!r} is not supported: {why}")
    return FAMILIES[name]


def has_stacks(model: PreTrainedModel) -> bool:
    """Whether the family is one of encoder-decoders, with a row for either."""
    config: Any = model.base_model.config
    return f"{config.model_type}.encoder" in FAMILIES


def default_stack(model: PreTrainedModel) -> str:
    """The decoder, where an encoder-decoder has one (T5EncoderModel has none)."""
    return "decoder" if hasattr(model.base_model, "decoder") else "encoder"


def known() -> list[str]:
    """The names of the families that have a row."""
    return sorted({name.split(".")[0] for name in FAMILIES})


def kin(name: str) -> list[str]:
    """Families with a row whose names are close to a family's: it may be built like one of them.

    >>> kin("granitemoe"), kin("bert-generation"), kin("canine")
    (['granite'], ['bert'], [])
    """
    of_one_stem = [one for one in known() if stem(one) == stem(name) != ""]
    return of_one_stem or get_close_matches(name, known(), n=3, cutoff=0.75)


def stem(name: str) -> str:
    """The letters that a name begins with, which versions and variants share."""
    return re.split("[^a-z]", name.lower())[0]


def no_row(name: str, near: str = "") -> str:
    """The sentence that refuses a family without a row.

    Args:
        name: The family's.
        near: What else is known of it, as the end of a clause.
    """
    alike = f"; close to it by name: {', '.join(kin(name))}" if kin(name) else ""
    return (
        f"no row for the model family {name!r}{near}{alike}; known families are {', '.join(known())}; "
        "to add one, add a row in dissect/decomposition/families"
    )


def find(root: nn.Module, path: str) -> nn.Module:
    """The module at `path` below `root`.

    Raises:
        UnsupportedModel: There is none.
    """
    try:
        return root.get_submodule(path)
    except AttributeError:
        raise UnsupportedModel(
            f"{type(root).__name__} has no part {path!r}: this version of transformers keeps it "
            "elsewhere; mend the family's row in dissect/decomposition/families"
        ) from None


def find_if(root: nn.Module, path: str, config: Any) -> nn.Module | None:
    """The module at a path that may end in "?" or in a condition.

    Args:
        root: Where the path starts.
        path: Names joined by dots, with its "?" or " if SETTING" if it has one.
        config: The model's configuration, which has the settings.

    Returns:
        None where the path does not apply.
    """
    path, _, condition = path.partition(" if ")
    if condition:
        negated, setting = condition.startswith("not "), condition.removeprefix("not ")
        if bool(getattr(config, setting)) == negated:
            return None
    if path.endswith("?"):
        path = path.removesuffix("?")
        if getattr(root.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2], None) is None:
            return None
    return find(root, path) if path else None


class Beside(nn.ModuleDict):
    """A layer of a model that has a list of modules for each of its steps, and none for a layer."""

    def ends(self) -> tuple[nn.Module, nn.Module]:
        """The first of its modules and the last."""
        modules = list(self.values())
        return modules[0], modules[-1]


def find_all(root: nn.Module, path: str) -> list[nn.Module]:
    """The modules at a path with "*" for every part of a list, in order.

    Paths joined by " & " are of lists beside one another, and make one layer of the parts at each place.
    """
    if " & " in path:
        lists = {one.removesuffix(".*"): find_all(root, one) for one in path.split(" & ")}
        return [Beside(dict(zip(lists, parts, strict=True))) for parts in zip(*lists.values(), strict=True)]
    first, star, rest = path.partition(".*")
    if not star:
        return [find(root, path)]
    parts = [module for _, module in find(root, first).named_children()]
    return [found for part in parts for found in (find_all(part, rest[1:]) if rest else [part])]
