"""Models that transformers would not load as they are: what to do with them, in one sentence."""

from pathlib import Path

from transformers import PreTrainedModel

from dissect.errors import UnknownModel

ADAPTER = "adapter_config.json"  # what PEFT calls it


def refuse_formats(name: str) -> None:
    """Raise `UnknownModel` for a file, or a folder with an adapter or a GGUF file in the place of a model."""
    place = Path(name)
    if place.is_file() and place.suffix == ".gguf":
        raise of_gguf(place)
    if place.is_file():
        raise UnknownModel(f"{name!r} is a file: give the folder that config.json and its weights are in")
    if not place.is_dir():
        return
    if (place / ADAPTER).is_file():
        raise of_adapter(name)
    gguf = sorted(place.glob("*.gguf"))
    if gguf and not list(place.glob("*.safetensors")):
        raise of_gguf(gguf[0])


def refuse_adapted(model: PreTrainedModel, name: str) -> None:
    """Raise `UnknownModel` for a model that transformers has put an adapter into."""
    if getattr(model, "_hf_peft_config_loaded", False):
        raise of_adapter(name)


def of_adapter(name: str) -> UnknownModel:
    """What to do with an adapter."""
    return UnknownModel(
        f"{name!r} is an adapter, which changes another model: merge the two with the package peft, by "
        "AutoPeftModel.from_pretrained(adapter).merge_and_unload().save_pretrained(folder), save the "
        "tokenizer in that folder too, and give the folder"
    )


def of_gguf(file: Path) -> UnknownModel:
    """What to do with a GGUF file."""
    return UnknownModel(
        f"{file} is in the format GGUF: convert it where the package gguf is installed, by "
        f"AutoModelForCausalLM.from_pretrained({str(file.parent)!r}, gguf_file={file.name!r})"
        ".save_pretrained(folder), do the same with AutoTokenizer, and give the folder"
    )
