"""What a run tells the Japanese page: on what it was made, how it came out, and what each chapter found."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import yaml

from dissect.decomposition import TERMS
from dissect.report import claims, intervals, published, readings
from dissect.runs.chapters import CHAPTERS
from dissect.runs.manifest import Manifest, seeds_of
from dissect.site import across, home
from dissect.site.markdown import markdown, shown, table
from dissect.site.scorecard import anchor, chip

Tables = Mapping[str, pd.DataFrame]
WORDS: dict[str, Any] = yaml.safe_load((published.FOLDER / "claims.ja.yaml").read_text("utf-8"))
VERDICTS: dict[str, str] = WORDS["verdicts"]
ABSENT = "–"
NO_BREAK = "\N{NO-BREAK SPACE}"
NOT_RUN = "この実行では、この章を実行していない。"
NOT_TOLD = "この実行は、この章の数値を残していない。"
WITHOUT_RUN = "*この部分は、コマンド* `dissect site` *が実行の結果から作る。*\n"
CORPORA = {"text": "文", "senses": "語義", "entities": "固有表現"}


def parts(told: Manifest, verdicts: pd.DataFrame, tables: Tables) -> dict[str, str]:
    """What the page includes of a run, in Markdown, by name.

    Args:
        told: The run's manifest.
        verdicts: As `claims.verdicts` returns them.
        tables: The run's.
    """
    chapters = {
        chapter: found(chapter, verdicts, tables) if chapter in told.chapters else result([NOT_RUN])
        for chapter in CHAPTERS
    }
    return {
        "ja-run": rerun(told),
        "ja-outcome": outcome(verdicts, tables),
        "ja-numbers": numbers(tables),
        **{f"ja-{chapter}": text for chapter, text in chapters.items()},
    }


def without_run() -> dict[str, str]:
    """The same without a run: a sentence in the first place, and nothing in the others."""
    names = ("ja-run", "ja-outcome", "ja-numbers", *(f"ja-{chapter}" for chapter in CHAPTERS))
    return {name: WITHOUT_RUN if name == "ja-run" else "" for name in names}


def rerun(told: Manifest) -> str:
    """On what the report repeats the paper, and whether that is the paper's own model."""
    settings, card = told.settings, told.card
    size = f"（{card['family']}、{card['layers']} 層、幅 {card['width']}）" if card else " "
    model = f"**{markdown(home.named(settings.model))}**{markdown(size)}"
    if home.kind(told) == home.REPLICATION:
        repeated = f"この実行は**追試**であり、論文と同じモデル {model}を調べた。"
    else:
        theirs = f"論文の BERT（`{published.MODELS[0]}`）"
        repeated = f"この実行は**別のモデルへの適用**であり、{theirs}ではなく {model}を調べた。"
    named = {kind: markdown(shown(name)) for kind, name in settings.named().items()}
    corpora = "、".join(f"{what}には {named[kind]}" for kind, what in CORPORA.items())
    seeds = seeds_of(told).replace(" to ", "〜")
    return (
        f"{repeated}{corpora} を用い、プローブは {seeds} 個のシードで学習させた。"
        f"実行日は {told.date[:10]} である。\n"
    )


def outcome(verdicts: pd.DataFrame, tables: Tables) -> str:
    """How many claims have each verdict, and which term leads in the last layer."""
    counts = readings.verdict_counts(verdicts)
    each = "、".join(chip(name, f"{VERDICTS[name]} {counts[name]} 件") for name in claims.VERDICTS)
    text = f"論文の主張 {len(verdicts)} 件の判定は、{each}である。"
    if "importance" not in tables:
        return f"{text}\n"
    ours, theirs = (_largest(one) for one in (tables["importance"], published.importance()))
    return f"{text}最終層で最も大きい項は、この実行では {ours}、論文の BERT では {theirs}である。\n"


def _largest(importance: pd.DataFrame) -> str:
    last = _last(importance)
    return f"$\\mathbf {last.idxmax()}$（割合 {last.max():.2f}）"


def _last(importance: pd.DataFrame, model: int = 0) -> pd.Series:
    first, tuned = readings.models_of(importance)
    return readings.shares(importance, [first, *tuned][model]).iloc[-1]


def found(chapter: str, verdicts: pd.DataFrame, tables: Tables) -> str:
    """What a chapter found: a number of its own, where it has one, and its claims, judged.

    Args:
        chapter: Its name.
        verdicts: As `claims.verdicts` returns them.
        tables: The run's.
    """
    own = _read(OWN[chapter], tables) if chapter in OWN else ABSENT
    lines = [] if own == ABSENT else [own, ""]  # a list is a paragraph of its own
    for row in verdicts[verdicts["chapter"] == chapter].astype(str).itertuples():
        words = WORDS["claims"][row.claim]
        reading = words.get(row.verdict) or WORDS["open"][row.verdict]
        lines += [
            f"- [{row.claim}](#{anchor(row.claim)})　{words['claim']}\\",
            f"  {chip(row.verdict, VERDICTS[row.verdict])} {reading}",
        ]
    return result(lines or [NOT_TOLD])


def result(lines: Sequence[str]) -> str:
    """Lines of Markdown as what a chapter found, in the form of its question and its method."""
    first, *others = lines
    return "\n".join(["結果", f": {first}", *(f"  {line}".rstrip() for line in others)]).rstrip() + "\n"


# ---- numbers ----


def numbers(tables: Tables) -> str:
    """The paper's numbers and the run's, side by side."""
    paper = across.paper()
    theirs = {**paper.tables, **paper.known}
    rows = [(what, _read(read_off, theirs), _read(read_off, tables)) for what, read_off in NUMBERS.items()]
    return table(["", "論文（BERT）", "この実行"], rows) + "\n"


def _read(read_off: Callable[[Tables], str], tables: Tables) -> str:
    """A number in words; a dash where the tables have none."""
    try:
        return read_off(tables)
    except (KeyError, IndexError, ValueError):
        return ABSENT


def _named(name: str, number: str) -> str:
    """A name and its number, which no line's end parts."""
    return f"{name}{NO_BREAK}{number}"


def _terms(shares: Mapping[str, float]) -> str:
    return "、".join(_named(term, intervals.number(shares[term], 2)) for term in TERMS)


def _scores(table: str, predictor: str, subsets: tuple[str, ...], score: str = "accuracy"):
    """Reads scores off one of a run's tables, in percent."""

    def read_off(tables: Tables) -> str:
        of = readings.percent(tables[table], predictor, score)
        return "、".join(_named(name, f"{of[name]:.1f} %") for name in subsets)

    return read_off


def _linear(tables: Tables) -> str:
    ends = readings.lowest_highest(tables["feedforward_r2"]["r2"])
    return "〜".join(intervals.number(r2, 2) for r2 in ends)


def _whole_head(tables: Tables) -> str:
    of = readings.percent(tables["masked_words"], str(readings.whole_head(tables["masked_words"])))
    return _named("f", f"{of['f']:.1f} %")


def _tuned(tables: Tables) -> str:
    before, after = (
        readings.percent(tables["entities"], name, "macro_f1")["i+h+f+c"] for name in ("base", "finetuned")
    )
    return f"{before:.1f} %、{after:.1f} %"


NUMBERS: dict[str, Callable[[Tables], str]] = {
    "フィードフォワード層を線形写像で近似したときの R²（層による範囲）": _linear,
    "最終層での重要度": lambda tables: _terms(_last(tables["importance"])),
    "同、固有表現認識のために微調整したモデル": lambda tables: _terms(_last(tables["importance"], 1)),
    "隠された単語の正解率、埋め込み全体のためのヘッド": _whole_head,
    "隠された単語の正解率、学習させたヘッド": _scores("masked_words", "learned", ("f",)),
    "語義の正解率、プローブ、事例による分割": _scores("senses", "classifier", ("h", "f")),
    "語義の正解率、プローブ、文書による分割": _scores("senses_documents", "classifier", ("h", "f")),
    "固有表現のマクロ平均 F1、埋め込み全体、微調整の前と後": _tuned,
}


def _writers(tables: Tables) -> str:
    """Which layer wrote most into the chapter's word."""
    means = tables["finer_layers"].groupby(["term", "layer"])["importance"].mean()
    layers = "、".join(
        f"$\\mathbf {term}$ では第 {means[term].idxmax()} 層（割合 {means[term].max():.2f}）"
        for term in ("h", "f")
    )
    return f"例に挙げた文の平均で、対象の単語に最も多くを書き込んだのは、{layers}である。"


def _untrained(tables: Tables) -> str:
    """Importance in the last layer, trained and with random weights."""
    of = tables["controls_importance"]
    last = of[of["layer"] == of["layer"].max()].set_index(["weights", "term"])["mean"]
    trained, drawn = (_terms(last[name]) for name in ("trained", "random"))
    return f"最終層での重要度は、学習済みの重みでは {trained}、乱数の重みでは {drawn} である。"


def _alike(tables: Tables) -> str:
    """The mean cosine in the last layer, with and without the biases' term."""
    of = tables["anisotropy"]
    last = of[of["layer"] == of["layer"].max()].set_index("terms")["mean"]
    whole, without = (f"{last[name]:.2f}" for name in ("i+h+f+c", "i+h+f"))
    return (
        f"最終層での、異なるトークンの埋め込みの間の余弦の平均は {whole} であり、"
        f"$\\mathbf c$ を除くと {without} である。"
    )


OWN: dict[str, Callable[[Tables], str]] = {
    "6-finer": _writers,
    "7-controls": _untrained,
    "8-causes": _alike,
}
