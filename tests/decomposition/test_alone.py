"""The decomposition stands alone: all that it takes is torch, transformers and its own modules."""

import ast
import subprocess
import sys

import pytest

from dissect.places import PACKAGE

# What of the package a decomposition may import; "" is the package itself, which loads names when asked for.
OWN = ("", "errors", "decomposition")
THEIRS = {"torch", "transformers"}
ABSENT = (
    "IPython", "ipykernel", "jupyter_client", "matplotlib", "myst_nb", "nbformat", "nltk", "onnx", "optuna",
    "pandas", "papermill", "pooch", "pyarrow", "pydantic", "rich", "scipy", "seaborn", "seqeval", "sklearn",
    "sphinx", "typer",
)  # fmt: skip
# transformers asks whether some are there, and goes on without; tqdm it takes itself. A finder that raises
# would end that question in an error, where a package that is not installed is just not found.
SCRIPT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        top, _, rest = name.partition(".")
        if top == "dissect" and rest.partition(".")[0] not in {OWN}:
            raise ModuleNotFoundError("not to be had: " + name, name=name)

sys.meta_path.insert(0, Absent())
sys.modules |= dict.fromkeys({ABSENT})  # so they are not found

import torch
from transformers import BertConfig, BertModel
from dissect import TERMS, decompose

torch.manual_seed(0)
config = BertConfig(
    vocab_size=50, hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
)
model = BertModel(config).eval().double()
for one in model.parameters():
    torch.nn.init.normal_(one, std=0.3)
ids = torch.randint(50, (2, 7))
parts = decompose(model, input_ids=ids, by="source")
missed = (model(ids).last_hidden_state - sum(parts[name] for name in TERMS)).norm() / parts.embedding.norm()
print(TERMS, missed.item(), parts.error)
assert parts.terms.norm(dim=-1).min() > 1e-3 and max(missed.item(), parts.error) < 1e-12

from dissect.decomposition.certificate import certify
from dissect import Decomposer
assert max(certify(Decomposer(model), input_ids=ids).values()) < 1e-11

there = [name for name, module in sys.modules.items() if module and name.split(".")[0] in {ABSENT}]
assert not there, there
"""


def test_a_model_is_decomposed_where_nothing_else_is_installed():
    asked = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("('i', 'h', 'f', 'c')")


@pytest.mark.parametrize("file", sorted((PACKAGE / "decomposition").glob("*.py")), ids=lambda file: file.stem)
def test_its_modules_import_nothing_else(file):
    """Wherever the import stands, in a function too."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "dissect":
            names |= {f"dissect.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    tops = {one.partition(".")[0] for one in names} - sys.stdlib_module_names
    assert tops <= {"dissect", *THEIRS}
    ours = [one.split(".") for one in names if one.startswith("dissect")]
    assert {one[1] if len(one) > 1 else "" for one in ours} <= set(OWN)
