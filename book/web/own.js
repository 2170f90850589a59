// The reader's own sentences, by a model that is loaded on demand; and links that keep sentences.
"use strict";
(() => {
  const { data, TERMS, el, labelled, sentences: tool } = explore;
  if (!tool) return;
  const { sides, state, below } = tool;
  const built = window.dissectBuilt;
  const here = document.currentScript.src;
  const ownModel = data.models.findIndex(({ own }) => own);
  const status = el("p", { class: "status", role: "status" });
  const say = (text) => { status.textContent = text; };
  let dissect = null; // once the model is there

  // --- a link that keeps the sentences -------------------------------------------------------

  const link = () => {
    const kept = new URLSearchParams(sides.map(({ name, sentence }) => [name, sentence.text]));
    kept.set("terms", TERMS.filter((term) => state.picked.has(term)).join(""));
    kept.set("layer", state.layer);
    kept.set("measure", state.measure);
    const address = new URL(location.href);
    address.hash = kept;
    return address.href;
  };

  const copy = el("button", { type: "button", onclick: async () => {
    history.replaceState(null, "", link());
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied; it keeps both sentences and what you picked.");
    } catch {
      say("The link stands in the address bar; it keeps both sentences and what you picked.");
    }
  } }, "Copy a link to this");

  /** Show what the address keeps; sentences that nobody prepared wait for the model. */
  const follow = () => {
    const kept = new URLSearchParams(location.hash.slice(1));
    const wanted = sides.map(({ name }) => kept.get(name)?.trim());
    if (!wanted.some(Boolean)) return; // the name of a place on the page
    tool.set(Object.fromEntries(kept));
    const waiting = wanted.filter((text, n) => {
      const known = sides[n].offered.find((one) => one.text === text);
      if (known) tool.show(n, known);
      sides[n].input.value = known || !text ? "" : text;
      return text && !known;
    });
    if (waiting.length && dissect) ownOnes();
    else if (waiting.length) say(`This link keeps “${waiting.join("” and “")}”: dissecting takes the model.`);
    tool.root.scrollIntoView();
  };

  // --- a sentence of one's own ---------------------------------------------------------------

  const own = async (side) => {
    const text = side.input.value.trim();
    if (!text) return say("The field is empty: type a sentence.");
    say("Dissecting …");
    try {
      const found = await dissect(text);
      if (state.model !== ownModel) tool.useModel(ownModel);
      tool.show(side.n, { text, own: true, ...found });
      say("");
    } catch (error) {
      say(`That failed: ${error.message}.`);
    }
  };
  const ownOnes = async () => { for (const side of sides.filter(({ input }) => input.value.trim())) await own(side); };

  for (const side of sides) {
    side.input = el("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    side.form.append(labelled("Or type your own", side.input), el("button", {}, "Dissect"));
    side.form.addEventListener("submit", (event) => { event.preventDefault(); own(side); });
  }

  // --- the model -----------------------------------------------------------------------------

  const offer = () => {
    const whole = Object.values(built.files).reduce((a, b) => a + b);
    const bar = el("progress", { max: whole, value: 0, hidden: true, "aria-label": "Loading the model" });
    const button = el("button", { type: "button", onclick: async () => {
      button.disabled = true;
      bar.hidden = false;
      say("Loading …");
      try {
        const live = await import(new URL("live.js", here));
        dissect = await live.start(built, (bytes) => { bar.value += bytes; });
        explore.encode = live.encode;
        offered.forEach((one) => one.remove());
        for (const { form } of sides) form.hidden = false;
        sides[0].input.focus();
        say("The model is ready: type a sentence on either side.");
        await ownOnes();
      } catch (error) {
        say(`The model could not be loaded (${error.message}). The prepared sentences still work.`);
        button.disabled = false;
      }
      bar.hidden = true;
      bar.value = 0;
    } }, `Load the model (${(whole / 1e6).toFixed(0)} MB)`);
    const { error } = built;
    const about = el("p", { class: "note" },
      `For sentences of your own: ${built.model} runs in this page, and nothing that you type leaves your device. ` +
      `Its weights are rounded to 8 bits; on ${error.sentences} sentences this moved an importance by ` +
      `${error.mean.toFixed(4)} on average and ${error.max.toFixed(3)} at most. It reads up to ${built.longest} tokens.`);
    const offered = [button, bar];
    below.append(...offered, copy, status, about);
  };

  if (built.reason) {
    below.append(copy, status, el("p", { class: "note" }, `Here you cannot type your own sentence: ${built.reason}. The prepared ones all work.`));
  } else if (!location.protocol.startsWith("http")) {
    below.append(copy, status, el("p", { class: "note" }, "This page was opened from the disk, where a browser lets no page load a model; the prepared sentences all work. " +
      "To type your own, serve the site's folder, with python -m http.server say, and open it from there."));
  } else offer();
  addEventListener("hashchange", follow);
  follow();
})();
