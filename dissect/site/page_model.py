"""The scripts of the page Explore, and the model that runs in it and dissects the reader's own sentences.

What a browser needs to run the model, the graph of `dissect.site.onnx_export` and two npm packages, is made
once and kept in the user's cache. Where it cannot be made, the page shows its prepared sentences and
says why.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dissect import hashing
from dissect.corpora import text
from dissect.corpora.files import cache
from dissect.decomposition import TERMS, Parts
from dissect.errors import DissectError
from dissect.models import PACKAGED, Loaded, fingerprint, load, tokenizer_sha256
from dissect.places import ROOT
from dissect.site import charts

SOURCES = ROOT / "book" / "web"
MODEL = next(iter(PACKAGED))  # the page's model, of every site: the one that pip installs
NAME = "all-MiniLM-L6-v2"  # as readers know it
LANGUAGE = "English"  # of the text that it was trained on, as its card says
STATIC = "explore"  # the folder under _static that this page alone loads from
CHARTS = "vega.js"
# In the order in which they build on one another; live.js is loaded on demand.
SCRIPTS = (CHARTS, "parts.js", "sentences.js", "runs.js", "built.js", "own.js")
STYLE = "explore.css"
GRAPH = "small.onnx"
MOST = 0.01  # by which the small graph's importance may be off on average
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
DIGITS = 7  # of products: as exact as float32; a page rounds once, where it shows a number


# ---- the page without a model ----


def stage(book: Path) -> None:
    """Put the page's scripts into a staged book, the folder `book`; built.js says that there is no model."""
    LEFT_OUT.put(book)  # until there is more
    folder = book / "_static" / STATIC
    for source in (*SOURCES.glob("*.js"), SOURCES / STYLE):
        shutil.copyfile(source, folder / source.name)
    (folder / CHARTS).write_text(charts.script(), encoding="utf-8")


def products(parts: Parts) -> list[list[float]]:
    """By token of one sentence, x·y / e·e of ten pairs of terms: ii, ih, if, ic, hh, hf, hc, ff, fc, cc.

    Length, share and angle of every subset follow from them, so a page needs no vectors.
    """
    terms = parts.terms[:, 0].cpu().double()
    gram = torch.einsum("xtd,ytd->txy", terms, terms)
    rows, columns = torch.triu_indices(len(TERMS), len(TERMS))
    of_e = gram.sum((1, 2))[:, None]
    return [[float(f"{x:.{DIGITS}g}") for x in ten] for ten in (gram[:, rows, columns] / of_e).tolist()]


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
    """Fill a folder with the runtime, the tokenizer, the graph, and `built.json`: their sizes, its error.

    Raises:
        DissectError: npm or the export fails, or the graph misses PyTorch's numbers by more than `MOST`.
    """
    fetch_runtime(folder)  # first, since it fails sooner
    from dissect.site import onnx_export  # its packages may be missing

    write_tokenizer(loaded, folder)
    about = onnx_export.save(loaded, onnx_export.graph_of(loaded), folder / GRAPH, quantise=True)
    if not about["error"]["mean"] <= MOST:
        raise DissectError(
            f"the model's small graph missed PyTorch's importance by {about['error']['mean']:.3f} on average"
        )
    built: dict[str, Any] = {
        "model": NAME,
        "longest": about["longest"],
        "files": {name: (folder / name).stat().st_size for name in (*RUNTIME.values(), *TOKENIZER, GRAPH)},
        "error": about["error"],
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
