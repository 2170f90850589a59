"""The page "Dissect your own sentence": its prepared sentences, and the model that runs in it.

What a browser needs to run the model, the graphs of `dissect.site.onnx_export` and two npm packages, is made
once and kept in the user's cache. Where it cannot be made, the page shows its prepared sentences and
says why.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dissect import hashing
from dissect.corpora import text
from dissect.corpora.files import cache
from dissect.decomposition import TERMS, Decomposer, Parts
from dissect.errors import DissectError
from dissect.models import PACKAGED, Loaded, fingerprint, load, tokenizer_sha256
from dissect.places import ROOT
from dissect.site.markdown import table

SOURCES = ROOT / "book" / "web"
MODEL = next(iter(PACKAGED))  # the page's model, of every site: the one that pip installs
STATIC = "sentence"  # the folder under _static that this page alone loads from
SCRIPTS = ("page.js", "page.css", "live.js")
VARIANTS = {"int8": "small.onnx", "float32": "exact.onnx"}
# Of the npm packages: the file there, and its name here (a name that every server knows how to send).
RUNTIME = {
    "onnxruntime-web/dist/ort.wasm.bundle.min.mjs": "ort.js",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "ort.wasm",
    "@huggingface/tokenizers/dist/tokenizers.min.mjs": "tokenizers.js",
}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
MADE_WITH = ("torch", "transformers", "tokenizers", "numpy", "onnx", "onnxscript", "onnxruntime")
NPM = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error")
PATIENCE = 120  # seconds that npm may take
DECIMALS = 7  # of products: as exact as float32; a page rounds once, where it shows a number


# ---- the page, and what it shows without a model ----


def stage(book: Path) -> None:
    """Put the page's scripts and prepared sentences into a staged book, the folder `book`."""
    LEFT_OUT.put(book)  # until there is more
    for name in SCRIPTS:
        shutil.copyfile(SOURCES / name, book / "_static" / STATIC / name)
    sentences = (SOURCES / "examples.txt").read_text(encoding="utf-8").splitlines()
    data, first = prepared(load(MODEL, "cpu"), sentences)
    page = (SOURCES / "page.html").read_text(encoding="utf-8")
    (book / "_run" / "sentences.html").write_text(data + page, encoding="utf-8")
    (book / "_run" / "sentence.md").write_text(first, encoding="utf-8")


def prepared(loaded: Loaded, sentences: Sequence[str]) -> tuple[str, str]:
    """Sentences dissected: as data for the page's script, and the first as a table in Markdown."""
    decomposer = Decomposer(loaded.model)
    dissected: list[dict[str, Any]] = []
    for n, sentence in enumerate(sentences):
        batch = loaded.tokenizer(sentence, return_tensors="pt", truncation=False)
        layers = decomposer.layers(**batch)
        tokens = loaded.tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
        upper = [products(parts) for parts in layers]
        dissected.append({"text": sentence, "tokens": tokens, "upper": upper})
        if n == 0:
            first = as_table(sentence, tokens, upper[-1])
    data = json.dumps({"model": loaded.label, "sentences": dissected}, separators=(",", ":"))
    # "<" would end the element in which the data stands
    escaped = data.replace("<", "\\u003c")
    return f'<script type="application/json" id="os-data">{escaped}</script>\n', first


def products(parts: Parts) -> list[list[float]]:
    """By token of one sentence, x·y / e·e of ten pairs of terms: ii, ih, if, ic, hh, hf, hc, ff, fc, cc.

    Length, share and angle of every subset follow from them, so a page needs no vectors.
    """
    terms = parts.terms[:, 0].cpu().double()
    gram = torch.einsum("xtd,ytd->txy", terms, terms)
    rows, columns = torch.triu_indices(len(TERMS), len(TERMS))
    of_e = gram.sum((1, 2))[:, None]
    return [[round(x, DECIMALS) for x in ten] for ten in (gram[:, rows, columns] / of_e).tolist()]


def as_table(sentence: str, tokens: Sequence[str], upper: Sequence[Sequence[float]]) -> str:
    """The importance of the terms of one sentence, in Markdown, by the sums that the page's script makes.

    Args:
        sentence: The text.
        tokens: Its word pieces.
        upper: By token, as `products` has them.
    """
    of_term = ((0, 1, 2, 3), (1, 4, 5, 6), (2, 5, 7, 8), (3, 6, 8, 9))
    rows = [
        (f"`{token}`", *(f"{sum(ten[n] for n in four):z.3f}" for four in of_term))
        for token, ten in zip(tokens, upper, strict=True)
    ]
    head = ["token", "i, input", "h, attention", "f, feed-forward", "c, biases"]
    return f"“{sentence}”, importance at the last layer:\n\n{table(head, rows, right=4)}\n"


# ---- the model in the page ----


@dataclass(frozen=True)
class Assets:
    """The folder of what a browser needs to run the model, or the reason why there is none.

    Attributes:
        reason: In words that follow "Here you cannot type your own:".
    """

    folder: Path | None
    reason: str = ""

    def put(self, site: Path) -> None:
        """Copy them into a built site, with `built.js`, which tells the page what there is.

        A script, since a page that was opened from the disk may read nothing else.
        """
        target = site / "_static" / STATIC
        target.mkdir(parents=True, exist_ok=True)
        about = json.dumps({"reason": self.reason})
        if self.folder is not None:
            shutil.copytree(self.folder, target, dirs_exist_ok=True)
            about = (target / "built.json").read_text(encoding="utf-8")
        (target / "built.js").write_text(f"window.dissectBuilt = {about};\n", encoding="utf-8")


LEFT_OUT = Assets(None, "this site was built without the model, which the command dissect site RUN builds in")


def assets() -> Assets:
    """What the page's model takes, from the cache, else made and kept there. Does not raise."""
    try:
        loaded = load(MODEL, "cpu")
        folder = cache() / "web" / key_of(loaded)
        if not (folder / "built.json").is_file():
            with tempfile.TemporaryDirectory() as scratch:
                made = Path(scratch) / "made"
                made.mkdir()
                make(loaded, made)
                keep(made, folder)
        return Assets(folder)
    except DissectError as error:
        return Assets(None, str(error))
    except OSError as error:
        return Assets(
            None, f"the model's files could not be kept when this site was built ({error.strerror})"
        )


def key_of(loaded: Loaded) -> str:
    """What decides whether assets are up to date: the model, the code, the packages, the lock file."""
    about = [
        fingerprint(loaded.model), tokenizer_sha256(loaded.tokenizer), hashing.made_by("site.page_model"),
        hashing.of_file(SOURCES / "package-lock.json"),
        text(),  # errors are measured on it
        {name: version(name) for name in MADE_WITH},
    ]  # fmt: skip
    return hashing.of_object(about)[:20]


def version(name: str) -> str:
    """The version of an installed package. Raises `DissectError` when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise DissectError(
            f"the Python package {name} was not there when this site was built (pip install -e '.[web]')"
        ) from None


def make(loaded: Loaded, folder: Path) -> None:
    """Fill a folder with the runtime, the tokenizer, the graphs, and `built.json` on their sizes and errors.

    Raises:
        DissectError: npm or the export fails.
    """
    fetch_runtime(folder)  # first, since it fails sooner
    from dissect.site import onnx_export  # its packages may be missing

    write_tokenizer(loaded, folder)
    graph = onnx_export.graph_of(loaded)
    variants = {}
    for variant, file in VARIANTS.items():
        about = onnx_export.save(loaded, graph, folder / file, quantise=variant == "int8")
        variants[variant] = {"file": file, "bytes": about["bytes"], "error": about["error"]}
    built: dict[str, Any] = {
        "model": loaded.label,
        "longest": about["longest"],
        "layers": about["layers"],
        "shared": {name: (folder / name).stat().st_size for name in (*RUNTIME.values(), *TOKENIZER)},
        "variants": variants,
    }
    (folder / "built.json").write_text(json.dumps(built), encoding="utf-8")


def fetch_runtime(folder: Path) -> None:
    """Let npm fetch the pinned packages, and keep the three files that the page loads.

    Raises:
        DissectError: npm is not there, fails, or takes too long.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DissectError("npm, which fetches the runtime, was not there when this site was built")
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(SOURCES / name, Path(scratch) / name)
        try:
            subprocess.run(
                [npm, *NPM], cwd=scratch, check=True, timeout=PATIENCE,
                capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            raise DissectError(
                "npm could not fetch the runtime (onnxruntime-web, @huggingface/tokenizers) when this site "
                "was built"
            ) from None
        for source, name in RUNTIME.items():
            shutil.copyfile(Path(scratch) / "node_modules" / source, folder / name)


def write_tokenizer(loaded: Loaded, folder: Path) -> None:
    """The tokenizer's two files, without truncation and padding, which the page does not want."""
    backend = json.loads(loaded.tokenizer.backend_tokenizer.to_str())
    backend |= {"truncation": None, "padding": None}
    (folder / TOKENIZER[0]).write_text(json.dumps(backend, ensure_ascii=False), encoding="utf-8")
    settings = {"tokenizer_class": type(loaded.tokenizer).__name__}
    (folder / TOKENIZER[1]).write_text(json.dumps(settings), encoding="utf-8")


def keep(made: Path, folder: Path) -> None:
    """Put a finished folder into the cache; another build may have been faster, and is as good."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    arriving = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.copytree(made, arriving)
        if not folder.exists():
            arriving.rename(folder)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
