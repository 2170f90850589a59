"""What is around the code keeps up with it: prose, interface, metadata, workflows, environments."""

import importlib
import inspect
import json
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml
from typer.core import TyperGroup, TyperOption

import dissect
from dissect.cli import work
from dissect.runs.settings import Settings

ROOT = Path(dissect.__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def text_of(notebook: Path) -> str:
    """The prose of a notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


PROSE = sorted([*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), *ROOT.glob("book/api/**/*.md")])
NAMED = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PROSE}
CHAPTERS = {  # and the exercises
    **{place.name: text_of(place) for place in ROOT.glob("notebooks/*.ipynb")},
    **{place.name: place.read_text(encoding="utf-8") for place in ROOT.glob("dissect/data/exercises/*")},
}
API = "\n".join(text for page, text in NAMED.items() if page.startswith("book/api"))
COMMANDS = typer.main.get_command(work.app)
assert isinstance(COMMANDS, TyperGroup)
Misused: type[Exception] = typer.BadParameter.__bases__[0]  # of the click that typer carries


def modules() -> list[ModuleType]:
    found = pkgutil.walk_packages(dissect.__path__, "dissect.")
    return [dissect, *(importlib.import_module(module.name) for module in found)]


def public(module: ModuleType) -> dict[str, object]:
    """The functions and classes that a module defines."""
    return {
        f"{module.__name__}.{name}": one
        for name, one in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(one) or inspect.isclass(one))
        and one.__module__ == module.__name__
    }


def documented(one: object) -> bool:
    """A dataclass has a docstring of its own making, which says nothing."""
    text = getattr(one, "__doc__", None) or ""
    return bool(text.strip()) and not (isinstance(one, type) and text.startswith(f"{one.__name__}("))


def resolve(dotted: str) -> object:
    """What a dotted name such as dissect.experiments.measures.importance stands for."""
    one: object = dissect
    for part in dotted.split(".")[1:]:
        try:
            one = getattr(one, part)
        except AttributeError:
            one = importlib.import_module(f"{one.__name__}.{part}")  # type: ignore[attr-defined]
    return one


# ---- the interface ----


def test_everything_public_is_documented() -> None:
    without = {name for module in modules() for name, one in public(module).items() if not documented(one)}
    assert not without, f"no docstring: {sorted(without)}"
    assert not [module.__name__ for module in modules() if not module.__doc__]


def arguments_of(function: Callable) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def functions() -> dict[str, Callable]:
    """The public functions, and the methods of public classes, but for commands, whose options say it."""
    found: dict[str, Callable] = {}
    for module in modules():
        if module.__name__.startswith("dissect.cli"):
            continue
        for name, one in public(module).items():
            if not isinstance(one, type):
                found[name] = inspect.unwrap(one)  # type: ignore[arg-type]
                continue
            for member, method in vars(one).items():
                method = getattr(method, "__func__", method)
                if inspect.isfunction(method) and (member == "__call__" or not member.startswith("_")):
                    found[f"{name}.{member}"] = method
    return found


def section(text: str, title: str) -> str:
    """What stands below a heading such as "Args:" in a docstring."""
    return "".join(re.findall(rf"^{title}:\n((?:(?: .*)?\n?)*)", text, re.MULTILINE))


def test_three_arguments_or_more_are_named_one_by_one() -> None:
    """Ruff's D417 has a section that there is name all arguments; this has it be there."""
    for name, function in functions().items():
        given, text = arguments_of(function), inspect.getdoc(function) or ""
        named = re.findall(r"^    \*{0,2}(\w+): ", section(text, "Args"), re.MULTILINE)
        assert named == given or (not named and len(given) < 3), name


def test_napoleon_takes_no_sentence_for_a_type() -> None:
    """What comes before a colon in the first line of what is returned."""
    for name, function in functions().items():
        first = section(inspect.getdoc(function) or "", "Returns").split("\n")[0]
        assert ":" not in first, name


def test_a_name_without_a_docstring_is_noticed() -> None:
    def bare() -> None:
        pass

    assert not documented(bare)


def test_the_whole_interface_has_its_place() -> None:
    entries = re.findall(r"^\.\. (?:auto\w+|py:data):: ([\w.]+)", API, re.MULTILINE)
    assert {f"dissect.{name}" for name in dissect.__all__} <= set(entries)
    for entry in entries:
        assert documented(resolve(entry)) or entry == "dissect.TERMS", entry
    assert len(entries) == len(set(entries))


def test_methods_on_the_interface_pages_are_documented() -> None:
    found = re.findall(r"^\.\. autoclass:: ([\w.]+)\n   :members: (.+)", API, re.MULTILINE)
    assert found
    for name, members in found:
        for member in members.split(", "):
            assert documented(inspect.getattr_static(resolve(name), member)), f"{name}.{member}"


# ---- prose ----


def test_japanese_has_no_blanks_between_sentences() -> None:
    """As it would where a paragraph goes on in another line."""
    assert not re.findall(r"[。、]\n(?=[^\s:#$%<])", NAMED["book/ja.md"])


def shown_commands() -> list[tuple[str, str]]:
    """The commands in the prose, with their pages: in consoles, in indented lines, in the text."""
    found = []
    for page, text in {**NAMED, **CHAPTERS}.items():
        lines = re.findall(r"^(?:\$ |    (?:\$ )?)((?:\.venv/bin/)?dissect .+|make .+)$", text, re.MULTILINE)
        inline = re.findall(r"`((?:dissect|make) [^`\n]+)`", text)
        found += [(page, line.split("  #")[0].strip()) for line in lines + inline]
    return [(page, line) for page, line in found if "…" not in line]


def arguments(line: str) -> list[str]:
    """`dissect run --seeds 2` without its first word."""
    return shlex.split(line.removeprefix(".venv/bin/"))[1:]


def understood(words: list[str]) -> None:
    """Parse a command as `dissect` would, without running it. Raises `Misused`."""
    if words == ["--help"]:
        return
    command = COMMANDS.commands.get(words[0])
    assert command is not None, f"there is no command {words[0]!r}"
    if "--help" in words or len(words) == 1:  # named, not called
        return
    command.make_context(words[0], words[1:])


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_every_command_in_the_prose_exists(page: str, line: str) -> None:
    if line.startswith("make "):
        assert line.split()[1] in TARGETS, f"{page}: {line}"
    else:
        understood(arguments(line))


@pytest.mark.parametrize("words", [["run", "--no-such-option"], ["run", "--seeds", "many"], ["fly", "-x"]])
def test_a_command_that_does_not_exist_is_noticed(words: list[str]) -> None:
    with pytest.raises((Misused, AssertionError)):
        understood(words)


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[0] for line in listed.splitlines()} == TARGETS


def test_every_option_in_the_prose_exists() -> None:
    known = {
        option
        for command in COMMANDS.commands.values()
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
    } | {"--help"}
    for page, text in NAMED.items():
        named = set(re.findall(r"`(--[a-z-]+)", text))
        assert named <= known, f"{page}: {named - known}"


def test_the_options_of_a_run_are_all_in_the_table() -> None:
    table = set(re.findall(r"^\| `(--[a-z-]+)`", NAMED["book/rerun.md"], re.MULTILINE))
    for parameter in COMMANDS.commands["run"].params:
        if isinstance(parameter, TyperOption) and parameter.name != "help":
            assert table & {*parameter.opts, *parameter.secondary_opts}, parameter.opts


def test_run_and_doctor_take_every_setting() -> None:
    for command in ("run", "doctor"):
        options = {parameter.name for parameter in COMMANDS.commands[command].params}
        assert options >= set(Settings.model_fields), command


def test_a_sweep_takes_every_setting_but_those_of_one_model() -> None:
    options = {parameter.name for parameter in COMMANDS.commands["sweep"].params}
    assert set(Settings.model_fields) - options == {"model", "tuned", "head"}


def test_every_module_in_the_prose_exists() -> None:
    for page, text in NAMED.items():
        for path in re.findall(r"`((?:dissect|notebooks|tests|book|benchmarks)/[\w./-]*)`", text):
            assert (ROOT / path).exists(), f"{page}: {path}"
        for module in re.findall(r"`(\w+\.py)`", text):
            assert list((ROOT / "dissect").rglob(module)), f"{page}: {module}"
        for dotted in re.findall(r"[`~](dissect(?:\.\w+)+)`", text):
            assert resolve(dotted) is not None, f"{page}: {dotted}"


def test_spelling() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "codespell_lib"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


# ---- metadata, environments, workflows ----


def loaded(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def pins(requirements: list[str]) -> dict[str, str]:
    return dict(requirement.split("==") for requirement in requirements)


def test_one_version() -> None:
    assert PROJECT["project"]["version"] == dissect.__version__ == str(loaded("CITATION.cff")["version"])
    assert "## [Unreleased]" in NAMED["CHANGELOG.md"] or dissect.__version__ in NAMED["CHANGELOG.md"]


def test_the_citation_has_the_licenses_and_the_paper_as_the_bibliography_has_it() -> None:
    citation = loaded("CITATION.cff")
    assert set(citation["license"]) == set(PROJECT["project"]["license"].split(" AND "))
    (paper,) = citation["references"]
    entry = re.search(
        r"@article\{mickus2022dissect,(.*?)\n\}", (ROOT / "book/references.bib").read_text(), re.S
    )
    assert entry is not None
    for value in (paper["doi"], str(paper["year"]), f"{paper['start']}--{paper['end']}"):
        assert value in entry[1]
    assert [author["family-names"] for author in paper["authors"]] == re.findall(
        r"(\w+), \w+ ?(?:and|\})", entry[1]
    )


def test_every_package_is_pinned() -> None:
    for requirement in [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["test"],
    ]:
        assert re.fullmatch(r"[\w-]+==[\w.]+", requirement), requirement


def test_hooks_are_those_of_the_project() -> None:
    pinned = pins(PROJECT["project"]["optional-dependencies"]["test"])
    for hook in (hook for repo in loaded(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]):
        for tool, version in pins(hook["additional_dependencies"]).items():
            assert pinned.get(tool, version) == version, (
                f"{tool}: {version} in a hook, {pinned[tool]} in tests"
            )


def test_workflows_call_what_there_is() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / ".github/workflows").glob("*.yml")]
    called = {target for text in texts for target in re.findall(r"run: make ([a-z]+)", text)}
    assert called and called <= TARGETS


def test_the_site_is_deployed_with_the_model_in_its_page() -> None:
    steps = loaded(".github/workflows/site.yml")["jobs"]["deploy"]["steps"]
    (target,) = (step["run"].split()[1] for step in steps if step.get("run", "").startswith("make "))
    assert re.search(rf"^{target}: \$\(VENV\)/web ", MAKEFILE, re.MULTILINE)


def test_every_environment_has_the_python_that_the_project_takes() -> None:
    conda = next(name for name in loaded("environment.yml")["dependencies"] if "python=" in name)
    binder = (ROOT / "binder/runtime.txt").read_text(encoding="utf-8").strip()
    tried = loaded(".github/workflows/tests.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    for version in (conda.removeprefix("python="), binder.removeprefix("python-"), tried[0]):
        assert PROJECT["project"]["requires-python"] == f">={version}"
    assert all(isinstance(version, str) for version in tried)  # 3.10 would be read as 3.1


def test_no_file_is_read_or_written_in_the_encoding_of_a_system() -> None:
    """On Windows that is not UTF-8; of Ruff's rule, which is in preview, no other comes with it."""
    command = [
        Path(sys.executable).with_name("ruff"),
        "check",
        "--isolated",
        "--no-cache",
        "--preview",
        "--select",
        "PLW1514",
    ]
    done = subprocess.run(
        [*command, "dissect", "benchmarks", "tests"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_notebooks_in_the_repository_hold_no_results() -> None:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path.name
