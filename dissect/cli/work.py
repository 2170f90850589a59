"""The commands that do work: run, sweep, tune, fetch, explain, teach, grade, export-onnx."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dissect.cli.app import app
from dissect.cli.options import with_options, with_settings
from dissect.errors import DissectError

if TYPE_CHECKING:
    from dissect.runs.settings import Settings


# From a first look at a model to a site of one's own; book/rerun.md has them, too.
RERUN = (
    "dissect check ./my-model",
    "dissect doctor --model ./my-model",
    "dissect run --name mine --model ./my-model",
    "dissect verify mine",
    "dissect site mine --out public",
)
IN_FIVE = "\n\n".join(["A rerun with another model, from a first look to a site to publish:", *RERUN])


@app.command(epilog=IN_FIVE)
@with_settings
def run(
    settings: "Settings",
    force: Annotated[bool, typer.Option(help="Run chapters again that are up to date.")] = False,
    site: Annotated[bool, typer.Option(help="Build the website afterwards.")] = True,
) -> None:
    """Run the chapters and build the book: runs/NAME/site/index.html."""
    from dissect.runs.run import run as run_chapters

    def with_site(folder: Path) -> None:
        from dissect.site.build import build_site

        build_site(folder, folder / "site")

    run_chapters(settings, force=force, finish=with_site if site else None)


@app.command()
@with_options
def sweep(
    file: Annotated[
        Path, typer.Argument(help="A YAML file with models, by, and settings of all runs; options here win.")
    ],
    options: dict[str, Any],
    force: Annotated[bool, typer.Option(help="Run chapters again that are up to date.")] = False,
    site: Annotated[bool, typer.Option(help="Build the website of all of them afterwards.")] = True,
) -> None:
    """Run many models, each as runs/NAME-MODEL, and set them in a row: runs/NAME/site/index.html."""
    from dissect.runs.settings import settings_file
    from dissect.runs.sweep import run_all, sweep_from

    asked = sweep_from(settings_file(file), options, file.stem)
    swept = run_all(asked, force=force)
    if swept.runs and site:
        from dissect.site.build import build_swept

        build_swept(swept, Path("runs") / asked.name / "site")
    if swept.failed:
        count = f"{len(swept.failed)} of {len(asked.members)} models"
        raise DissectError(f"{count} could not be run, see above: {', '.join(swept.failed)}")


@app.command()
def tune(
    out: Annotated[Path, typer.Argument(help="The folder for the fine-tuned model.")],
    task: Annotated[
        str,
        typer.Option(
            help="ner: tag named entities. tags: any other tags. qa: answer questions. "
            "mlm: guess masked words."
        ),
    ] = "ner",
    model: Annotated[str, typer.Option(help="minilm, a folder, or a Hugging Face name.")] = "minilm",
    corpus: Annotated[
        str | None,
        typer.Option(
            help="ner: wikigold, teaching, or a file with a word and its tag a line, in any of its columns. "
            "tags: semcor, or a file with a word a line and columns of tags. "
            "qa: squad, teaching, or a file of SQuAD's format. "
            "mlm: europarl, teaching, a file or a folder of text."
        ),
    ] = None,
    column: Annotated[
        str, typer.Option(help="tags: which column of the file, by number from 1, or last.")
    ] = "last",
    tag_column: Annotated[
        int | None,
        typer.Option(min=1, help="ner, tags: the column of the tags, from 1, where several may hold them."),
    ] = None,
    word_column: Annotated[
        int | None,
        typer.Option(min=1, help="ner, tags: the column of the words; by default the first but a count."),
    ] = None,
    frozen: Annotated[bool, typer.Option(help="Train the head alone and leave the model as it is.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the sentences or questions.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0, help="The largest; it warms up and falls.")
    ] = None,
    head_rate: Annotated[
        float | None, typer.Option(min=0, help="The head's, in learning rates of the rest.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Sentences or windows a step.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many sentences or questions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the head's first weights and the order.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Folder with ner_tuning/, squad/ (DISSECT_DATA).")] = None,
) -> None:
    """Fine-tune a model, and save it as a normal model folder with a card of what it scores."""
    import os
    from dataclasses import replace

    from dissect.models.finetuning import DEFAULTS, usual
    from dissect.models.finetuning import tune as tune_model

    if task not in DEFAULTS:
        raise DissectError(f"task={task!r}: give {', '.join(list(DEFAULTS)[:-1])} or {list(DEFAULTS)[-1]}")
    if column != "last" and not (column.isascii() and column.isdecimal() and int(column)):
        raise DissectError(f"column={column!r}: give a number from 1, or last")
    if column != "last" and task != "tags":
        raise DissectError(f"--column is of --task tags: leave it out with --task {task}")
    if column != "last" and tag_column:
        raise DissectError(f"--column and --tag-column name the same: leave --column {column} out")
    if data is not None:
        os.environ["DISSECT_DATA"] = str(data.resolve())
    given: dict[str, Any] = {
        "column": tag_column if column == "last" else int(column), "word_column": word_column,
        "epochs": epochs, "learning_rate": learning_rate, "head_rate": head_rate,
        "batch_size": batch_size, "limit": limit,
    }  # fmt: skip
    asked = {option: value for option, value in given.items() if value is not None}
    recipe = replace(usual(task, model, corpus), frozen=frozen, seed=seed, **asked)
    print(f"the model is in {tune_model(model, recipe, out)}")


@app.command()
def fetch(
    data: Annotated[Path | None, typer.Option(help="Folder to look in first (DISSECT_DATA).")] = None,
) -> None:
    """Find or download every corpus of the paper's profile, and say what is where."""
    import os

    from dissect import corpora

    if data is not None:
        os.environ["DISSECT_DATA"] = str(data.resolve())
    missing = []
    for name, where in corpora.fetch():
        print(f"{name}: {where}")
        missing += [] if Path(where).exists() else [name]
    if missing:
        raise DissectError(f"not to be had: {', '.join(missing)}; see above")


@app.command()
def explain(
    sentence: Annotated[str, typer.Argument(help="The sentence, in quotes.")],
    model: Annotated[str, typer.Option(help="minilm, a folder, or a Hugging Face name.")] = "minilm",
    layer: Annotated[int | None, typer.Option(help="0 is the embedding layer; by default the last.")] = None,
) -> None:
    """Show how much each term matters for each token of a sentence."""
    from dissect.decomposition import TERMS
    from dissect.experiments.explain import explain as explain_sentence
    from dissect.models import load

    table = explain_sentence(load(model), sentence, layer)
    shown = Table("token", *TERMS, title="importance e·x / e·e", caption="each row adds up to 1")
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in table.itertuples(index=False):
        shown.add_row(str(row.token).replace("[", r"\["), *[f"{getattr(row, t):.3f}" for t in TERMS])
    Console().print(shown)


@app.command()
def teach(
    out: Annotated[Path, typer.Argument(help="The folder to write to.")],
    force: Annotated[bool, typer.Option(help="Write over what is there.")] = False,
    variants: Annotated[
        str | None,
        typer.Option(help="Other numbers for each group, such as A,B: a folder for each, from A to D."),
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="For weak machines: with the sizes of the profile small.")
    ] = False,
    run: Annotated[
        str, typer.Option(help="The run whose pictures the slides show: in runs/, published, or a folder.")
    ] = "minilm",
    language: Annotated[
        str, typer.Option(help="Of the notebooks: en or ja; checks and slides stay English.")
    ] = "en",
) -> None:
    """Write the chapters with exercises, for students and for teachers, and slides."""
    from dissect.cli.runs import folder_of
    from dissect.site import pdf
    from dissect.teaching.handouts import teach as write_all

    named = [name.strip() for name in variants.split(",")] if variants is not None else []
    made = write_all(out, force, named, small=small, run=folder_of(run), language=language)
    slides = made / "slides" / "slides.html"
    try:
        pdf.print_page(slides, slides.with_suffix(".pdf"))
    except DissectError as error:
        print(f"the slides are there as a page alone: {error}", file=sys.stderr)
    print(f"student/, teacher/, nbgrader/ and slides/ are in {out}")


@app.command()
def grade(
    folder: Annotated[Path, typer.Argument(help="With a notebook NAME.ipynb or a folder NAME a student.")],
    save: Annotated[Path, typer.Option(help="The CSV to write.")] = Path("scores.csv"),
) -> None:
    """Check the answers in students' notebooks; their code is run, with your rights."""
    from dissect.files import write_text
    from dissect.teaching.grading import grade as grade_all

    scores = grade_all(folder)
    write_text(save, scores.to_csv(index=False))
    print(f"students graded: {len(scores)}, in {save}")


@app.command("export-onnx")
def export_onnx(
    out: Annotated[Path, typer.Argument(help="The file for the graph; a .json on it goes beside.")],
    model: Annotated[str, typer.Option(help="minilm, a folder, or a Hugging Face name.")] = "minilm",
    quantise: Annotated[bool, typer.Option("--quantise", help="Keep matrices as 8-bit integers.")] = False,
) -> None:
    """Write a model with its decomposition as an ONNX graph: token ids in, terms and importance out."""
    from dissect.models import load

    try:
        from dissect.site.onnx_export import export
    except ImportError as error:
        raise DissectError(f"{error.name} is not installed: pip install -e '.[web]'") from None

    about = export(load(model, "cpu"), out, quantise)
    print(f"{out}: {about['bytes'] / 1e6:.0f} MB; importance within {about['error']['max']:.1e} of PyTorch's")
