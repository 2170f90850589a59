// The page Explore. Its data stand in the page, so nothing is fetched and it works from a disk.
// Plain DOM and SVG; the controls are the browser's own, tables are walked with the arrow keys.
"use strict";
(() => {
  const holder = document.getElementById("explore-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const TERMS = Object.keys(data.terms);
  const NAMES = { i: "input", h: "attention", f: "feed-forward", c: "biases" };

  // --- small helpers -------------------------------------------------------------------------

  const put = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.flat());
    return node;
  };
  const el = (tag, attributes = {}, ...children) => put(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    put(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  // A half goes to the even number, as in the pictures.
  const whole = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : x).toFixed(0);
  const two = (x) => x.toFixed(2).replace("-", "−");
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const mean = (numbers) => sum(numbers) / numbers.length;
  const has = (subset, term) => subset.split("+").includes(term);

  let fresh = 0;
  const labelled = (text, control) => {
    control.id = `explore-control-${++fresh}`;
    return el("div", { class: "control" }, el("label", { for: control.id }, text), control);
  };

  /** A choice; entries: [{ group, name }] by position. */
  const choice = (text, entries, chosen, change) => {
    const control = el("select", { onchange: () => change(+control.value) });
    const groups = new Map();
    entries.forEach(({ group, name }, n) => {
      const option = el("option", { value: n, selected: n === chosen }, name);
      if (!group) return control.append(option);
      if (!groups.has(group)) {
        groups.set(group, el("optgroup", { label: group }));
        control.append(groups.get(group));
      }
      groups.get(group).append(option);
    });
    return labelled(text, control);
  };

  /** A checkbox a term, with its colour and name; picked: a Set that is kept up to date. */
  const termBoxes = (legend, picked, change, long = true) =>
    el("fieldset", {}, el("legend", {}, legend), TERMS.map((term) => {
      const box = el("input", { type: "checkbox", value: term, checked: picked.has(term), onchange: () => {
        box.checked ? picked.add(term) : picked.delete(term);
        change();
      } });
      const swatch = el("span", { class: "swatch", style: `background:${data.terms[term]}` });
      return el("label", {}, box, swatch, el("b", {}, term), long ? ` ${NAMES[term]}` : "");
    }));

  /** White to dark teal, and a text colour that can be read on it; for values from 0 to 1. */
  const shade = (value) => {
    const at = Math.max(0, Math.min(1, value));
    const [from, to] = [[238, 246, 245], [10, 78, 92]];
    const colour = from.map((start, n) => Math.round(start + (to[n] - start) * at));
    const light = sum(colour.map((part, n) => {
      const c = part / 255;
      return [0.2126, 0.7152, 0.0722][n] * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    }));
    return `background:rgb(${colour});color:${light > 0.179 ? "#000" : "#fff"}`; // at least 4.5 : 1
  };

  /** Make one cell of a table reachable by Tab, and the others from it by arrow keys. */
  const walkable = (table, enter) => {
    const cells = [...table.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
    const place = (cell) => {
      const row = cells.findIndex((line) => line.includes(cell));
      return [row, cells[row].indexOf(cell)];
    };
    cells.flat().forEach((cell, n) => { cell.tabIndex = n ? -1 : 0; });
    table.addEventListener("keydown", (event) => {
      const cell = event.target.closest("tbody td");
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
                     Home: [0, -99], End: [0, 99] }[event.key];
      if (!cell || !step) return;
      event.preventDefault();
      const [row, column] = place(cell);
      const line = cells[Math.max(0, Math.min(cells.length - 1, row + step[0]))];
      line[Math.max(0, Math.min(line.length - 1, column + step[1]))].focus();
    });
    const seen = (event) => {
      const cell = event.target.closest("tbody td");
      if (!cell) return;
      if (event.type === "focusin") {
        cells.flat().forEach((other) => { other.tabIndex = -1; });
        cell.tabIndex = 0;
      }
      enter(...place(cell));
    };
    table.addEventListener("focusin", seen);
    table.addEventListener("pointerover", seen);
    return { cells, place };
  };

  // --- a sentence ----------------------------------------------------------------------------

  // Where x · y stands among the ten products on and above the diagonal.
  const at = (x, y) => {
    const [a, b] = [Math.min(x, y), Math.max(x, y)];
    return a * TERMS.length - (a * (a - 1)) / 2 + b - a;
  };
  const dot = (products, some, others) =>
    sum(some.flatMap((x) => others.map((y) => products[at(x, y)])));
  const ALL = TERMS.map((_, n) => n);
  const MEASURES = {
    share: (products, some) => dot(products, some, ALL),
    cosine: (products, some) => {
      const length = Math.sqrt(Math.max(0, dot(products, some, some)));
      return length > 1e-6 ? dot(products, some, ALL) / length : 0;
    },
    length: (products, some) => Math.sqrt(Math.max(0, dot(products, some, some))),
  };

  const sentenceTool = (root) => {
    const { sentences } = data.dissected;
    const state = { sentence: 0, layer: sentences[0].gram.length - 1, picked: new Set(["i"]), measure: "share" };
    const chosen = () => TERMS.flatMap((term, n) => (state.picked.has(term) ? [n] : []));
    const called = () => [...TERMS].filter((term) => state.picked.has(term)).join("+") || "none";
    const last = sentences[0].gram.length - 1;

    const layerName = el("output", {}, "");
    const slider = el("input", { type: "range", min: 0, max: last, step: 1, value: last,
                                 oninput: () => { state.layer = +slider.value; draw(); } });
    const names = Object.keys(MEASURES);
    const controls = el("div", { class: "controls" },
      choice("Sentence", sentences.map(({ text }) => ({ name: text })), 0, (n) => { state.sentence = n; build(); }),
      termBoxes("Terms added up", state.picked, () => draw()),
      choice("Measure", names.map((name) => ({ name })), 0, (n) => { state.measure = names[n]; draw(); }));
    controls.firstChild.classList.add("wide");
    const layerControl = labelled("Layer", slider);
    layerControl.append(layerName);
    controls.append(layerControl);
    const detail = el("p", { class: "detail", role: "status" });
    const grid = el("div", { class: "scroll" });
    const bars = el("ul", { class: "bars" });
    const barsTitle = el("p", { class: "title" });
    root.append(controls, el("p", { class: "title" }, "Every layer: tokens down, layers across"), grid, detail,
                barsTitle, bars);
    let table, walk;

    const value = (layer, token) =>
      MEASURES[state.measure](sentences[state.sentence].gram[layer][token], chosen());

    const tell = (token, layer) => {
      const { tokens, gram } = sentences[state.sentence];
      const products = gram[layer][token];
      const shares = ALL.map((n) => `${TERMS[n]} ${two(dot(products, [n], ALL))}`).join(", ");
      const measures = names.map((name) => `${name} ${two(MEASURES[name](products, chosen()))}`).join(", ");
      detail.replaceChildren(el("b", {}, tokens[token]), `, layer ${layer}: shares ${shares}. `,
                             el("b", {}, called()), `: ${measures}.`);
    };

    const build = () => {
      const { tokens, gram } = sentences[state.sentence];
      table = el("table", { class: "heat" },
        el("thead", {}, el("tr", {}, el("td", {}, ""), gram.map((_, n) => el("th", { scope: "col" }, `${n}`)))),
        el("tbody", {}, tokens.map((token) =>
          el("tr", {}, el("th", { scope: "row" }, token), gram.map(() => el("td", {}, ""))))));
      table.setAttribute("aria-label", "Tokens by layers");
      walk = walkable(table, tell);
      const pick = (event) => {
        const cell = event.target.closest("tbody td");
        if (!cell || (event.type === "keydown" && event.key !== "Enter")) return;
        state.layer = walk.place(cell)[1];
        slider.value = state.layer;
        draw();
      };
      table.addEventListener("click", pick);
      table.addEventListener("keydown", pick);
      grid.replaceChildren(table);
      bars.replaceChildren(...tokens.map((token, n) => el("li", { onpointerenter: () => tell(n, state.layer) },
        el("span", { class: "token" }, token),
        svg("svg", { height: 20, "aria-hidden": "true" }, TERMS.map((term) =>
          svg("rect", { y: 2, height: 16, fill: data.terms[term] })), svg("line", { y1: 0, y2: 20 })),
        el("span", { class: "value" }, ""))));
      draw();
      tell(Math.min(2, tokens.length - 1), state.layer);
    };

    const draw = () => {
      const { tokens, gram } = sentences[state.sentence];
      layerName.textContent = `${state.layer} of ${last}`;
      walk.cells.forEach((row, token) => row.forEach((cell, layer) => {
        const x = value(layer, token);
        cell.textContent = two(x);
        cell.style.cssText = shade(x);
        cell.classList.toggle("picked", layer === state.layer);
      }));
      [...table.tHead.rows[0].cells].forEach((cell, n) => cell.classList.toggle("picked", n === state.layer + 1));
      // One scale for all layers, so that the slider moves the bars and not the axis.
      const shares = gram.flat().map((products) => ALL.map((n) => dot(products, [n], ALL)));
      const low = Math.min(0, ...shares.map((four) => sum(four.filter((x) => x < 0))));
      const high = Math.max(1, ...shares.map((four) => sum(four.filter((x) => x > 0))));
      const percent = (x) => `${(100 * (x - low)) / (high - low)}%`;
      const width = (x) => `${(100 * x) / (high - low)}%`;
      barsTitle.textContent = `Layer ${state.layer}: the four shares of each token; at the right ${state.measure} of ${called()}`;
      [...bars.children].forEach((item, token) => {
        const four = ALL.map((n) => dot(gram[state.layer][token], [n], ALL));
        let [left, right] = [0, 0];
        const rects = item.querySelectorAll("rect");
        four.forEach((x, n) => {
          const begin = x < 0 ? (left += x) : right;
          if (x >= 0) right += x;
          rects[n].style.x = percent(begin);
          rects[n].style.width = width(Math.abs(x));
          rects[n].style.opacity = state.picked.has(TERMS[n]) ? 1 : 0.22;
        });
        const zero = item.querySelector("line");
        for (const end of ["x1", "x2"]) zero.setAttribute(end, percent(0));
        item.querySelector(".value").textContent = two(value(state.layer, token));
      });
    };
    build();
  };

  // --- importance by layer -------------------------------------------------------------------

  const curvesTool = (root) => {
    const { curves } = data;
    const shown = new Set(TERMS);
    const paper = curves.findIndex(({ run }) => run !== curves[0].run);
    const state = { models: [0, paper < 0 ? Math.min(1, curves.length - 1) : paper], depth: 1 };
    const entries = curves.map(({ run, model }) => ({ group: run, name: model }));
    const slider = el("input", { type: "range", min: 0, max: 100, step: 1, value: 100,
                                 oninput: () => { state.depth = slider.value / 100; draw(); } });
    const panels = el("div", { class: "panels" });
    root.append(
      el("div", { class: "controls" },
        choice("Left", entries, state.models[0], (n) => { state.models[0] = n; draw(); }),
        choice("Right", entries, state.models[1], (n) => { state.models[1] = n; draw(); }),
        termBoxes("Terms shown", shown, () => draw()),
        labelled("Depth", slider)),
      panels);

    const ends = ({ lines }) => TERMS.flatMap((term) =>
      lines[term].mean.flatMap((x, n) => [x - lines[term].std[n], x + lines[term].std[n]]));
    const marks = {
      i: (x, y) => svg("circle", { cx: x, cy: y, r: 4 }),
      h: (x, y) => svg("rect", { x: x - 3.5, y: y - 3.5, width: 7, height: 7 }),
      f: (x, y) => svg("path", { d: `M${x},${y - 5}l5,5l-5,5l-5,-5z` }),
      c: (x, y) => svg("path", { d: `M${x - 4},${y - 4}l8,8m0,-8l-8,8`, "stroke-width": 2.5 }),
    };

    const panel = (entry, low, high) => {
      const width = Math.max(260, Math.min(520, (root.clientWidth - 24) / (root.clientWidth > 620 ? 2 : 1)));
      const height = 250, left = 38, right = 12, top = 10, bottom = 34;
      const layers = entry.lines.i.mean.length - 1;
      const chosen = Math.round(state.depth * layers);
      const x = (layer) => left + (layer / layers) * (width - left - right);
      const y = (share) => top + ((high - share) / (high - low)) * (height - top - bottom);
      const said = TERMS.map((term) => `${term} ${two(entry.lines[term].mean[chosen])}`).join(", ");
      const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
        "aria-label": `Importance by layer, ${entry.run}, ${entry.model}. Layer ${chosen}: ${said}` });
      for (let tick = Math.ceil(low * 4) / 4; tick <= high; tick += 0.25) {
        picture.append(svg("line", { class: tick === 0 ? "zero" : "rule", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
                       svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, two(tick)));
      }
      for (let layer = 0; layer <= layers; layer += 1) {
        picture.append(svg("text", { x: x(layer), y: height - bottom + 17, "text-anchor": "middle" }, `${layer}`));
      }
      picture.append(svg("text", { x: (left + width) / 2, y: height - 3, "text-anchor": "middle" }, "layer"),
                     svg("line", { class: "now", x1: x(chosen), x2: x(chosen), y1: top, y2: height - bottom }));
      for (const term of TERMS.filter((name) => shown.has(name))) {
        const { mean: middle, std } = entry.lines[term];
        const up = middle.map((m, n) => `${x(n)},${y(m + std[n])}`);
        const down = middle.map((m, n) => `${x(n)},${y(m - std[n])}`).reverse();
        const style = { stroke: data.terms[term], fill: data.terms[term] };
        picture.append(
          svg("polygon", { points: [...up, ...down].join(" "), fill: data.terms[term], opacity: 0.16 }),
          svg("polyline", { points: middle.map((m, n) => `${x(n)},${y(m)}`).join(" "), fill: "none",
                            stroke: data.terms[term], "stroke-width": 2 }),
          svg("g", style, middle.map((m, n) => marks[term](x(n), y(m)))));
      }
      picture.addEventListener("pointermove", (event) => {
        const box = picture.getBoundingClientRect();
        const along = ((event.clientX - box.left) * (width / box.width) - left) / (width - left - right);
        const depth = Math.round(Math.max(0, Math.min(1, along)) * layers) / layers;
        if (depth === state.depth) return;
        state.depth = depth;
        slider.value = 100 * depth;
        draw();
      });
      const rows = TERMS.map((term) => el("tr", {},
        el("th", { scope: "row" }, el("span", { class: "swatch", style: `background:${data.terms[term]}` }), `${term} `),
        el("td", {}, two(entry.lines[term].mean[chosen])), el("td", {}, `± ${two(entry.lines[term].std[chosen])}`)));
      return el("div", { class: "panel" }, el("p", { class: "title" }, `${entry.run}: ${entry.model}`), picture,
        el("table", { class: "values" }, el("caption", {}, `Layer ${chosen} of ${layers}`), el("tbody", {}, rows)));
    };

    const draw = () => {
      const pair = state.models.map((n) => curves[n]);
      const all = pair.flatMap(ends);
      const [low, high] = [Math.min(0, ...all), Math.max(1, ...all)];
      panels.replaceChildren(...pair.map((entry) => panel(entry, low, high)));
    };
    draw();
    let before = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth === before) return;
      before = root.clientWidth;
      draw();
    }).observe(root);
  };

  // --- agreement -----------------------------------------------------------------------------

  const agreementTool = (root) => {
    const { matrices, subsets } = data;
    const second = matrices.findIndex(({ task }, n) => n > 0 && task === matrices[0].task);
    const state = { above: 0, below: Math.max(0, second), picked: new Set() };
    const entries = matrices.map(({ run, name }) => ({ group: run, name }));
    const holderOf = el("div", { class: "scroll" });
    const detail = el("p", { class: "detail", role: "status" });
    const summary = el("table", { class: "values" });
    root.append(
      el("div", { class: "controls" },
        choice("Above the diagonal", entries, state.above, (n) => { state.above = n; draw(); }),
        choice("Below the diagonal", entries, state.below, (n) => { state.below = n; draw(); }),
        termBoxes("Bring out subsets with", state.picked, () => draw(), false)),
      holderOf, detail, summary);
    const table = el("table", { class: "heat matrix", "aria-label": "Agreement of subsets by subsets" },
      el("thead", {}, el("tr", {}, el("td", {}, ""), subsets.map((name) => el("th", { scope: "col" }, el("span", {}, name))))),
      el("tbody", {}, subsets.map((name) =>
        el("tr", {}, el("th", { scope: "row" }, name), subsets.map(() => el("td", {}, ""))))));
    holderOf.append(table);

    const value = (row, column) =>
      row === column ? null : matrices[column > row ? state.above : state.below].grid[row][column];
    const tell = (row, column) => {
      const { run, name } = matrices[column > row ? state.above : state.below];
      const x = value(row, column);
      detail.replaceChildren(el("b", {}, subsets[row]), " and ", el("b", {}, subsets[column]),
        x == null ? ": the same subset." : `: ${x.toFixed(1)} %, ${run}, ${name}.`);
    };
    const walk = walkable(table, tell);
    const inside = (name) => [...state.picked].every((term) => has(name, term));

    /** Mean agreement among the subsets brought out, between them and the rest, among the rest. */
    const means = ({ grid }) => {
      const groups = [[], [], []];
      subsets.forEach((a, n) => subsets.slice(0, n).forEach((b, m) => {
        if (grid[n][m] != null) groups[2 - inside(a) - inside(b)].push(grid[n][m]);
      }));
      return groups.map((group) => (group.length ? `${mean(group).toFixed(1)} %` : "–"));
    };

    const draw = () => {
      const both = [matrices[state.above], matrices[state.below]];
      const known = both.flatMap(({ grid }) => grid.flat()).filter((x) => x != null);
      const [low, high] = [Math.min(...known), Math.max(...known)];
      walk.cells.forEach((line, row) => line.forEach((cell, column) => {
        const x = value(row, column);
        const out = inside(subsets[row]) && inside(subsets[column]);
        cell.replaceChildren(el("span", {}, x == null ? "" : whole(x)));
        cell.className = x == null ? "same" : out ? "" : "faint";
        cell.style.cssText = x != null && out ? shade((x - low) / (high - low)) : "";
      }));
      [...table.tHead.rows[0].cells].slice(1).forEach((cell, n) => cell.classList.toggle("quiet", !inside(subsets[n])));
      [...table.tBodies[0].rows].forEach((row, n) => row.cells[0].classList.toggle("quiet", !inside(subsets[n])));
      const count = subsets.filter(inside).length;
      const rows = count === subsets.length ? [["all subsets", 0]] : [
        [`among the ${count} brought out`, 0], ["between them and the others", 1],
        [`among the other ${subsets.length - count}`, 2]];
      const found = both.map(means);
      summary.replaceChildren(el("caption", {}, `Mean agreement; colours run from ${whole(low)} to ${whole(high)} %`),
        el("thead", {}, el("tr", {}, el("td", {}, ""), both.map(({ run, name }) => el("th", { scope: "col" }, `${run}: ${name}`)))),
        el("tbody", {}, rows.map(([text, n]) =>
          el("tr", {}, el("th", { scope: "row" }, text), found.map((three) => el("td", {}, three[n]))))));
    };
    draw();
    tell(0, 1);
  };

  // Without data a tool has nothing to show: its picture stays, and says what there is.
  const tools = [["explore-sentence", sentenceTool, data.dissected.sentences],
                 ["explore-curves", curvesTool, data.curves],
                 ["explore-agreement", agreementTool, data.matrices]];
  for (const [id, tool, needs] of tools) {
    const root = document.getElementById(id);
    if (!root || !needs.length) continue;
    root.hidden = false;
    tool(root);
    root.classList.add("live");
  }
})();
