// "Dissect your own sentence": prepared sentences from the page itself, the reader's own from live.js.
// A plain script, since a page opened from the disk may load no module.
(() => {
  "use strict";
  const TERMS = ["i", "h", "f", "c"];
  const WORDS = { i: "input", h: "attention", f: "feed-forward", c: "biases" };
  const find = (id) => document.getElementById(id);
  const root = find("own-sentence");
  const prepared = JSON.parse(find("os-data").textContent);
  const state = { sentence: null, layer: 0, token: null, subset: new Set(["i", "h"]), built: null, models: {} };
  const here = document.currentScript.src;

  // ---- numbers ----

  /** Importance of a term: e·x / e·e. */
  const importance = (at, term) => at.importance[TERMS.indexOf(term)];

  /** e·x_S / e·e, and the cosine of x_S with e (null where x_S is zero). */
  function ofSubset(at, subset) {
    const places = TERMS.map((_, n) => n).filter((n) => subset.has(TERMS[n]));
    const share = places.reduce((sum, n) => sum + at.importance[n], 0);
    let square = 0;
    for (const a of places) for (const b of places) square += at.products[4 * a + b];
    return { share, cosine: square > 1e-12 ? share / Math.sqrt(square) : null };
  }

  /** A prepared sentence as `cell` wants it: ten products a token, the upper triangle of sixteen. */
  function unpacked({ text, tokens, upper }) {
    const place = [[0, 1, 2, 3], [1, 4, 5, 6], [2, 5, 7, 8], [3, 6, 8, 9]];
    const cells = upper.map((layer) => layer.map((ten) => {
      const products = place.flatMap((row) => row.map((n) => ten[n]));
      return { products, importance: TERMS.map((_, n) => products.slice(4 * n, 4 * n + 4).reduce((a, b) => a + b)) };
    }));
    return { text, tokens, cells, variant: "prepared" };
  }

  /** What live.js returns, token by token: importance is (layers, 4, tokens), products (layers, 4, 4, tokens). */
  function arranged(text, variant, { ids, tokens, layers, importance, products }) {
    const many = tokens.length;
    const cells = Array.from({ length: layers }, (_, l) => tokens.map((_, t) => ({
      importance: TERMS.map((_, x) => importance[(4 * l + x) * many + t]),
      products: Array.from({ length: 16 }, (_, xy) => products[(16 * l + xy) * many + t]),
    })));
    return { text, ids, tokens, cells, variant };
  }

  const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const meanOf = (numbers) => (numbers.length ? mean(numbers) : null);
  const shown = (x) => (x === null ? "–" : x.toFixed(3).replace(/^-(0\.0+)$/, "$1").replace("-", "−"));
  const size = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

  // ---- what the reader sees ----

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function number(x, term) {
    const cell = make("td", { "data-term": term }, shown(x));
    cell.style.setProperty("--os-share", Math.min(Math.abs(x ?? 0), 1));
    if (x < 0) cell.classList.add("os-below");
    return cell;
  }

  const heading = (term, ...more) =>
    make("th", { scope: "col", "data-term": term }, make("i", {}, term), make("small", {}, ...more));

  function layerName(layer, last) {
    if (layer === 0) return `0, the embedding layer`;
    return layer === last ? `${layer}, the last` : `${layer}`;
  }

  function drawTokens() {
    const { text, tokens, cells } = state.sentence;
    const rows = cells[state.layer];
    const table = find("os-tokens").querySelector("table");
    table.caption.textContent = `“${text}”: importance at layer ${layerName(state.layer, cells.length - 1)}`;
    table.tHead.replaceChildren(make("tr", {}, make("th", { scope: "col", style: "text-align: left" }, "token"),
      ...TERMS.map((term) => heading(term, WORDS[term])), heading("S", "subset"),
      make("th", { scope: "col" }, "cos", make("small", {}, "of S with e"))));
    table.tBodies[0].replaceChildren(...tokens.map((token, t) => {
      const button = make("button", { type: "button", class: "os-token", "aria-pressed": state.token === t }, token);
      button.setAttribute("aria-label", `${token}: show layer by layer`);
      button.addEventListener("click", () => { state.token = state.token === t ? null : t; draw(); refocus(t); });
      const { share, cosine } = ofSubset(rows[t], state.subset);
      return make("tr", {}, make("th", { scope: "row" }, button),
        ...TERMS.map((term) => number(importance(rows[t], term), term)), number(share, "S"), make("td", {}, shown(cosine)));
    }));
    const subset = rows.map((row) => ofSubset(row, state.subset));
    table.tFoot.replaceChildren(make("tr", {}, make("th", { scope: "row" }, "mean"),
      ...TERMS.map((term) => number(mean(rows.map((row) => importance(row, term))), term)),
      number(mean(subset.map((one) => one.share)), "S"),
      make("td", {}, shown(meanOf(subset.map((one) => one.cosine).filter((x) => x !== null))))));
  }

  function refocus(t) {
    find("os-tokens").querySelectorAll(".os-token")[t].focus();
  }

  function drawLayers() {
    const { tokens, cells } = state.sentence;
    const table = find("os-layers").querySelector("table");
    const what = state.token === null ? "The mean over the tokens" : `“${tokens[state.token]}”`;
    table.caption.textContent = `${what}, layer by layer`;
    table.tHead.replaceChildren(make("tr", {}, make("th", { scope: "col", style: "text-align: left" }, "layer"),
      ...TERMS.map((term) => heading(term, WORDS[term])), heading("S", "subset")));
    table.tBodies[0].replaceChildren(...cells.map((rows, layer) => {
      const some = state.token === null ? rows : [rows[state.token]];
      const row = make("tr", {}, make("th", { scope: "row" }, String(layer)),
        ...TERMS.map((term) => number(mean(some.map((one) => importance(one, term))), term)),
        number(mean(some.map((one) => ofSubset(one, state.subset).share)), "S"));
      if (layer === state.layer) row.setAttribute("aria-current", "true");
      return row;
    }));
  }

  function draw() {
    const last = state.sentence.cells.length - 1;
    const slider = find("os-layer");
    slider.max = last;
    slider.value = state.layer;
    slider.setAttribute("aria-valuetext", layerName(state.layer, last));
    find("os-layer-out").textContent = layerName(state.layer, last);
    drawTokens();
    drawLayers();
    window.dissect.last = { ...state.sentence, layer: state.layer, subset: TERMS.filter((term) => state.subset.has(term)) };
  }

  /** A message beside the form; screen readers say it aloud. */
  function say(text) {
    find("os-said").textContent = text;
  }

  /** What has changed, in one line above the tables; said aloud too. */
  function sayMeans() {
    const rows = state.sentence.cells[state.layer];
    const means = TERMS.map((term) => `${WORDS[term]} ${shown(mean(rows.map((row) => importance(row, term))))}`);
    find("os-status").textContent = `Layer ${state.layer}, mean of ${rows.length} tokens: ${means.join(", ")}.`;
  }

  function show(sentence) {
    state.sentence = sentence;
    state.layer = Math.min(state.layer, sentence.cells.length - 1);
    state.token = null;
    draw();
    sayMeans();
  }

  // ---- prepared sentences, the layer and the subset ----

  function setUp() {
    const select = find("os-example");
    select.append(...prepared.sentences.map(({ text }, n) => make("option", { value: n }, text)));
    select.addEventListener("change", () => show(unpacked(prepared.sentences[select.value])));
    find("os-layer").addEventListener("input", (event) => { state.layer = Number(event.target.value); draw(); sayMeans(); });
    find("os-terms").append(...TERMS.map((term) => {
      const box = make("input", { type: "checkbox", value: term });
      box.checked = state.subset.has(term);
      box.addEventListener("change", () => { state.subset[box.checked ? "add" : "delete"](term); draw(); sayMeans(); });
      return make("label", { "data-term": term }, box, make("span", { class: "os-swatch", "aria-hidden": "true" }),
        make("span", {}, make("i", {}, term), ` ${WORDS[term]}`));
    }));
    state.layer = prepared.sentences[0].upper.length - 1;
    show(unpacked(prepared.sentences[0]));
    document.querySelector(".own-sentence-static")?.setAttribute("hidden", "");
    root.hidden = false;
  }

  // ---- the reader's own sentence ----

  const chosen = () => find("os-models").querySelector("input:checked").value;
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const download = (variant) =>
    state.built.variants[variant].bytes + (Object.keys(state.models).length ? 0 : sum(Object.values(state.built.shared)));

  function offer() {
    const errors = {
      int8: (e) => `weights rounded to 8-bit integers; on ${e.sentences} sentences its importance was off by ${e.mean.toFixed(4)} on average and ${e.max.toFixed(3)} at most`,
      float32: (e) => `weights as they are; on ${e.sentences} sentences within ${e.max.toExponential(0).replace("e-", " · 10⁻").replace(/⁻(\d+)$/, (_, d) => "⁻" + [...d].map((x) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[x]).join(""))} of PyTorch`,
    };
    const names = { int8: "Small", float32: "Exact" };
    find("os-models").replaceChildren(...Object.entries(state.built.variants).map(([variant, { error }], n) => {
      const radio = make("input", { type: "radio", name: "os-variant", value: variant });
      radio.checked = n === 0;
      radio.addEventListener("change", ready);
      return make("label", { class: "os-choice" }, radio,
        make("span", {}, make("b", {}, names[variant]), `, ${size(download(variant))} to download: ${errors[variant](error)}.`));
    }));
    find("os-load").addEventListener("click", load);
    find("os-form").addEventListener("submit", (event) => { event.preventDefault(); dissectOwn(); });
    find("os-form").hidden = false;
    ready();
  }

  /** Button and hint, for the model that is chosen. */
  function ready() {
    const loaded = chosen() in state.models;
    find("os-load").hidden = loaded;
    find("os-load").textContent = `Download ${size(download(chosen()))} and start`;
    find("os-go").disabled = !loaded;
    find("os-hint").textContent = loaded
      ? `The model is in this page. Up to ${state.built.longest} tokens; nothing you type leaves your device.`
      : "The model comes first; it is downloaded once, from where this page came from, and then runs in the page.";
  }

  async function load() {
    const variant = chosen();
    const bar = find("os-progress");
    const whole = download(variant);
    let come = 0;
    find("os-load").disabled = true;
    find("os-models").querySelectorAll("input").forEach((radio) => { radio.disabled = true; });
    find("os-loading").hidden = false;
    say(`Loading ${size(whole)} …`);
    try {
      const live = await import(new URL("live.js", here));
      window.dissect.encode = live.encode;
      state.models[variant] = await live.start(state.built, variant, (bytes) => { bar.value = (come += bytes) / whole; });
      say("The model is ready: type a sentence.");
    } catch (error) {
      say(`The model could not be loaded (${error.message}). The prepared sentences still work.`);
    }
    find("os-loading").hidden = true;
    find("os-load").disabled = false;
    find("os-models").querySelectorAll("input").forEach((radio) => { radio.disabled = false; });
    ready();
    if (variant in state.models) find("os-text").focus();
  }

  async function dissectOwn() {
    const text = find("os-text").value.trim();
    const variant = chosen();
    if (!text) return say("The field is empty: type a sentence.");
    if (!(variant in state.models)) return say("The model comes first: download it with the button above.");
    say("Dissecting …");
    try {
      show(arranged(text, variant, await state.models[variant](text)));
      find("os-example").selectedIndex = -1;
      say("");
    } catch (error) {
      say(error instanceof RangeError ? `Too long: ${error.message}. Shorten the sentence.` : `That failed: ${error.message}.`);
    }
  }

  function look() {
    const prepare = `The ${prepared.sentences.length} prepared sentences below were dissected when this page was built.`;
    const why = find("os-why");
    state.built = window.dissectBuilt;
    if (state.built.reason) {
      why.textContent = `Here you cannot type your own: ${state.built.reason}. ${prepare}`;
    } else if (!location.protocol.startsWith("http")) {
      why.textContent = `This page was opened from the disk, where a browser lets no page load a model. ${prepare} To type your own, serve the site's folder, with python -m http.server say, and open it from there.`;
    } else offer();
  }

  window.dissect = { last: null, ofSubset };
  setUp();
  look();
})();
