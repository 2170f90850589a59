// Two sentences side by side: bars of a layer, a curve by layer, and a table of every token and layer.
"use strict";
(() => {
  const { data, TERMS, NAMES, ALL, MEASURES, sum, shown, el, labelled, fill, choice, termBoxes, table, shade, grid,
          chart } = explore;
  const root = document.getElementById("explore-sentence");
  if (!root) return;
  const SIDES = ["left", "right"];
  const BAR = 22; // pixels
  const state = { model: 0, layer: Infinity, picked: new Set(["h"]), measure: "importance" };

  const model = () => data.models[state.model];
  const last = () => model().sentences[0].gram.length - 1;
  const terms = () => ALL.filter((n) => state.picked.has(TERMS[n]));
  const subset = () => TERMS.filter((term) => state.picked.has(term)).join("+") || "no term";
  const special = (token) => /^(\[.*\]|<.*>)$/.test(token);
  const value = (side, layer, token, some = terms(), measure = state.measure) =>
    MEASURES[measure](side.sentence.gram[layer][token], some);

  // --- one side ------------------------------------------------------------------------------

  const sideOf = (name, n) => {
    const select = el("select", { onchange: () => show(n, side.offered[+select.value]) });
    const bars = chart("bars", ({ place }) => pick(n, place));
    const side = {
      name, n, select, bars, sentence: null, offered: [], own: [],
      note: el("p", { class: "note", role: "status" }),
      form: el("form", { class: "own", hidden: true }), // own.js fills it
      title: el("p", { class: "title" }),
      cells: el("div", { class: "scroll tall" }),
      numbers: el("div", { class: "scroll tall" }),
      detail: el("p", { class: "detail", role: "status" }),
    };
    const heading = `${name[0].toUpperCase()}${name.slice(1)} sentence`;
    side.head = el("div", { class: "side" }, labelled(heading, select), side.form, side.note);
    side.picture = el("div", { class: "side" }, side.title,
      el("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": `Bars, ${name}` }, bars.holder),
      el("details", {}, el("summary", {}, "The bars in numbers"), side.numbers));
    side.every = el("div", { class: "side" },
      el("p", { class: "title" }, `Every layer, ${name}: tokens down, layers across`), side.cells, side.detail);
    return side;
  };
  const sides = SIDES.map(sideOf);

  /** Offer the model's prepared sentences and the reader's own ones. */
  const offer = (side) => {
    side.offered = [...model().sentences, ...(model().own ? side.own : [])];
    const group = (sentence) => (side.own.includes(sentence) ? "Your own" : "Prepared");
    fill(side.select, side.offered.map((one) => ({ group: group(one), name: one.text })), side.offered.indexOf(side.sentence));
  };

  /** The word to look at first: the longest that both have, else the first. */
  const common = () => {
    const [a, b] = sides.map(({ sentence }) => sentence.tokens);
    const both = a.filter((token) => b.includes(token) && !special(token));
    const word = both.reduce((best, token) => (token.length > best.length ? token : best), "");
    for (const side of sides) side.token = Math.max(side.sentence.tokens.indexOf(word), Math.min(1, side.sentence.tokens.length - 1));
  };

  /** What a reader has to know of a sentence: that it was cut, and what the unknown token stands for. */
  const notes = ({ tokens, cut }) => {
    const { unknown } = model();
    const said = [];
    if (cut) said.push(`Too long: the model reads ${tokens.length} tokens, so the last ${cut.lost} were cut off, after “${cut.after}”.`);
    if (unknown && tokens.includes(unknown)) said.push(`${unknown} stands for what the model has no word piece for, such as rare signs: it cannot tell one from another.`);
    return said.join(" ");
  };

  /** Show a sentence on a side. */
  const show = (n, sentence) => {
    const side = sides[n];
    side.sentence = sentence;
    if (sentence.own && !side.own.includes(sentence)) side.own.push(sentence);
    offer(side);
    side.note.textContent = notes(sentence);
    const layers = sentence.gram.map((_, layer) => `${layer}`);
    const { node, cells } = grid(`Tokens by layers, ${side.name}`, layers, sentence.tokens, (token, layer) => pick(n, token, layer));
    side.table = { node, cells };
    side.cells.replaceChildren(node);
    if (!sides.every((one) => one.sentence)) return;
    common();
    draw();
  };

  const pick = (n, token, layer = state.layer) => {
    sides[n].token = token;
    state.layer = layer;
    draw();
  };

  // --- what is drawn -------------------------------------------------------------------------

  /** The bars of a side in a layer: the four terms on one another, or the subset where measures do not add up. */
  const barsOf = (side, layer) =>
    side.sentence.tokens.flatMap((text, place) => {
      const token = { place, token: `${place} ${text}` };
      if (state.measure !== "importance") {
        return [{ ...token, term: "S", terms: subset(), value: value(side, layer, place), picked: true }];
      }
      return ALL.map((n) => ({ ...token, term: TERMS[n], terms: TERMS[n], value: value(side, layer, place, [n]),
                               picked: state.picked.has(TERMS[n]) }));
    });

  /** One axis for all layers of both, so that the slider moves the bars and not the axis. */
  const limits = () => {
    const ends = sides.flatMap((side) => side.sentence.gram.flatMap((tokens, layer) => tokens.flatMap((_, token) => {
      const parts = state.measure === "importance" ? ALL.map((n) => value(side, layer, token, [n])) : [value(side, layer, token)];
      return [sum(parts.filter((x) => x < 0)), sum(parts.filter((x) => x > 0))];
    })));
    return { low: ends.reduce((a, b) => Math.min(a, b), 0), high: ends.reduce((a, b) => Math.max(a, b), 1) };
  };

  const drawSide = (side, ends) => {
    const { tokens, gram } = side.sentence;
    const { layer, measure } = state;
    const added = measure === "importance" ? "importance of the four terms" : `${measure} of ${subset()}`;
    side.title.textContent = `Layer ${layer}: ${added}`;
    side.bars.draw(`${side.title.textContent}, token by token, of “${side.sentence.text}”; the table has the numbers.`,
      barsOf(side, layer), { ...ends, height: BAR * tokens.length });
    side.table.cells.forEach((line, token) => line.forEach((cell, at) => {
      const x = value(side, at, token);
      cell.textContent = shown(x);
      cell.style.cssText = shade(x ?? 0);
      cell.classList.toggle("picked", at === layer && token === side.token);
    }));
    [...side.table.node.tHead.rows[0].cells].forEach((cell, n) => cell.classList.toggle("picked", n === layer + 1));
    side.numbers.replaceChildren(table(`${measure} in layer ${layer}`, ["token", ...TERMS, subset()],
      tokens.map((text, token) => [text, ...ALL.map((n) => shown(value(side, layer, token, [n]))), shown(value(side, layer, token))])));
    const ten = gram[layer][side.token];
    const four = ALL.map((n) => `${TERMS[n]} ${shown(MEASURES.importance(ten, [n]))}`).join(", ");
    const all = Object.keys(MEASURES).map((name) => `${name} ${shown(MEASURES[name](ten, terms()))}`).join(", ");
    side.detail.replaceChildren(el("b", {}, tokens[side.token]), `, layer ${layer}: importance ${four}. `,
      el("b", {}, subset()), `: ${all}.`);
  };

  const draw = () => {
    state.layer = Math.min(state.layer, last());
    slider.max = last();
    slider.value = state.layer;
    layerName.textContent = `${state.layer} of ${last()}`;
    const ends = limits();
    for (const side of sides) drawSide(side, ends);
    const names = sides.map((side) => `${side.name}: ${side.sentence.tokens[side.token]}`);
    const title = `By layer: ${state.measure} of ${subset()}`;
    linesTitle.replaceChildren(title, ...names.map((name, n) =>
      el("span", { class: `series ${SIDES[n]}`, style: `--series:${data.series[n]}` }, name)));
    lines.draw(`${title}, ${names.join(" and ")}; the tables below have the numbers.`,
      sides.flatMap((side, n) => side.sentence.gram.map((_, layer) =>
        ({ layer, value: value(side, layer, side.token), series: names[n] }))), { now: state.layer });
    language.textContent = model().language
      ? `${model().label} was trained on ${model().language} text: for other languages its numbers mean little.`
      : `The prepared sentences are English; what ${model().label} reads, its model card says.`;
  };

  // --- controls ------------------------------------------------------------------------------

  const slider = el("input", { type: "range", min: 0, step: 1, oninput: () => { state.layer = +slider.value; draw(); } });
  const layerName = el("output", {}, "");
  const layerControl = labelled("Layer", slider);
  layerControl.firstChild.append(" ", layerName);
  const measureNames = Object.keys(MEASURES);
  const measure = choice("Measure", measureNames.map((name) => ({ name })), 0, (n) => { state.measure = measureNames[n]; draw(); });
  const boxes = termBoxes("Terms added up", state.picked, () => draw());
  const modelChoice = choice("Model", data.models.map(({ label }) => ({ name: label })), 0, (n) => useModel(n));
  modelChoice.hidden = data.models.length === 1;
  const linesTitle = el("p", { class: "title" });
  const lines = chart("lines");
  const language = el("p", { class: "note" });
  const below = el("div", { class: "below" }); // own.js fills it

  /** Change the model; prepared sentences stay, own ones need the page's model. */
  const useModel = (n) => {
    const stood = sides.map((side) => model().sentences.findIndex(({ text }) => text === side.sentence?.text));
    state.model = n;
    state.layer = Infinity;
    modelChoice.querySelector("select").value = n;
    for (const side of sides) side.sentence = null;
    stood.forEach((found, at) => show(at, model().sentences[found < 0 ? at : found]));
  };

  /** Set the controls; what is left out, or no setting, stays as it is. */
  const set = ({ terms: wanted, layer, measure: named }) => {
    if (wanted && [...wanted].every((term) => TERMS.includes(term))) {
      for (const box of boxes.querySelectorAll("input")) {
        box.checked = wanted.includes(box.value);
        state.picked[box.checked ? "add" : "delete"](box.value);
      }
    }
    if (/^\d+$/.test(layer ?? "")) state.layer = +layer;
    if (measureNames.includes(named)) {
      state.measure = named;
      measure.querySelector("select").value = measureNames.indexOf(named);
    }
    draw();
  };

  root.hidden = false;
  const pair = (part) => el("div", { class: "sides" }, sides.map((side) => side[part]));
  root.append(pair("head"), below, language, el("div", { class: "controls" }, modelChoice, boxes, measure, layerControl),
    pair("picture"), linesTitle, lines.holder, pair("every"));
  useModel(0);
  (async () => { for (const one of [...sides.map(({ bars }) => bars), lines]) await one.start(); })();

  explore.sentences = { root, state, sides, below, model, show, set, useModel, subset };
})();
