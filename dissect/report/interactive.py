"""Something to move in a notebook: one sentence, with its text, a layer and a subset of the terms to choose.

It needs ipywidgets, and somebody at the notebook. Without either the picture stands still.
"""

import base64
import io
from html import escape
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from dissect.decomposition import TERMS, subsets
from dissect.errors import DissectError
from dissect.experiments.explain import explain
from dissect.models import Loaded
from dissect.report.figures import sentence_importance

LONGEST = 80  # tokens, a row each
WHOLE = "+".join(TERMS)
WIDE: dict[str, Any] = {
    "style": {"description_width": "6em"},
    "layout": {"width": "34em", "max_width": "100%"},
}


def sentence(loaded: Loaded, text: str, layer: int | None = None, subset: str = WHOLE) -> None:
    """Show the importance of terms for each token of a sentence, with controls where someone can use them.

    Args:
        loaded: The model.
        text: The sentence, or the first one.
        layer: 0 is the embedding layer; the last by default.
        subset: Of the terms, which are drawn with their sum.

    Raises:
        DissectError: What `explain` raises of the first sentence.
    """
    widgets = installed() if live() else None
    if widgets is None:
        drawn(loaded, text, layer, subset)  # the notebook shows it, as any figure
        return
    shown = panel(widgets, loaded, text, layer, subset)
    picture = base64.b64encode(shown.children[-1].value).decode()
    # a front end without widgets takes the picture
    display(shown._repr_mimebundle_() | {"image/png": picture}, raw=True)


def live() -> bool:
    """Whether somebody is at the notebook: its front end may be asked for input, which no headless one is."""
    kernel = getattr(get_ipython(), "kernel", None)
    return bool(kernel and kernel.get_parent().get("content", {}).get("allow_stdin"))


def installed() -> ModuleType | None:
    """The package of widgets, where it is installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return ipywidgets


def drawn(loaded: Loaded, text: str, layer: int | None, subset: str) -> Figure:
    """The picture of a sentence; raises what `explain` raises.

    Args:
        loaded: The model.
        text: The sentence.
        layer: 0 is the embedding layer; None the last.
        subset: Of the terms.
    """
    return sentence_importance(explain(loaded, text, layer), subset)


def panel(
    widgets: ModuleType, loaded: Loaded, text: str, layer: int | None = None, subset: str = WHOLE
) -> Any:
    """A text box, a slider of layers and a choice of subset above a picture, drawn anew as they change.

    What cannot be drawn is said in a sentence, and the picture stays as it was.

    Args:
        widgets: The package of widgets.
        loaded: The model, which is not loaded again.
        text: The first sentence.
        layer: 0 is the embedding layer; the last by default.
        subset: Of the terms.

    Returns:
        A box of the text, the layer, the subset, what is said, and the picture.

    Raises:
        DissectError: The first sentence cannot be drawn.
    """
    last = loaded.model.config.num_hidden_layers
    controls = [
        widgets.Text(text, description="sentence", continuous_update=False, **WIDE),
        widgets.IntSlider(
            last if layer is None else layer, 0, last, description="layer", continuous_update=False, **WIDE
        ),
        widgets.Dropdown(
            options=[terms for terms in subsets() if terms], value=subset, description="terms", **WIDE
        ),
    ]
    said = widgets.HTML()
    picture = widgets.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"})
    picture.value = png(loaded, text, controls[1].value, subset)

    def again(_: Any) -> None:
        try:
            picture.value = png(loaded, *(control.value for control in controls))
            said.value = ""
        except DissectError as error:
            said.value = f"<p role='alert'>{escape(str(error))}</p>"

    for control in controls:
        control.observe(again, "value")
    return widgets.VBox([*controls, said, picture])


def png(loaded: Loaded, text: str, layer: int, subset: str) -> bytes:
    """The picture of a sentence as a file.

    Args:
        loaded: The model.
        text: The sentence.
        layer: 0 is the embedding layer.
        subset: Of the terms.

    Raises:
        DissectError: The sentence has more than `LONGEST` tokens, or `explain` raises it.
    """
    readable = text.encode(errors="ignore").decode()
    tokens = len(loaded.tokenizer(readable, verbose=False)["input_ids"])
    if tokens > LONGEST:
        raise DissectError(f"the sentence has {tokens} tokens: give one of at most {LONGEST}")
    figure = drawn(loaded, text, layer, subset)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)  # or the notebook would show it, too
    return file.getvalue()
