// What the tools of the page Explore share: its data, numbers, controls, tables and charts.
// Plain scripts, since a page that was opened from the disk may load no module.
"use strict";
window.explore = (() => {
  const data = JSON.parse(document.getElementById("explore-data").textContent);
  const TERMS = Object.keys(data.terms);
  const NAMES = { i: "input", h: "attention", f: "feed-forward", c: "biases" };
  const ALL = TERMS.map((_, n) => n);

  // --- numbers -------------------------------------------------------------------------------

  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  const mean = (numbers) => sum(numbers) / numbers.length;
  const shown = (x) => (x == null ? "–" : x.toFixed(2).replace(/^-(0\.0+)$/, "$1").replace("-", "−"));
  // A half goes to the even number, as in the pictures.
  const whole = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : x).toFixed(0);

  // Of a token in a layer the data hold x · y / e · e for the ten pairs of terms, and all else follows.
  const place = (x, y) => {
    const [a, b] = [Math.min(x, y), Math.max(x, y)];
    return a * TERMS.length - (a * (a - 1)) / 2 + b - a;
  };
  const dot = (ten, some, others) => sum(some.flatMap((x) => others.map((y) => ten[place(x, y)])));
  const length = (ten, some) => Math.sqrt(Math.max(0, dot(ten, some, some)));
  /** Of the sum of some terms, by their places; a sum of length zero has no direction. */
  const MEASURES = {
    importance: (ten, some) => dot(ten, some, ALL),
    cosine: (ten, some) => (length(ten, some) > 1e-6 ? dot(ten, some, ALL) / length(ten, some) : null),
    length,
  };

  // --- elements ------------------------------------------------------------------------------

  /** An element; text among the children is text, whatever it says. */
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.flat());
    return node;
  };

  let fresh = 0;
  const labelled = (text, control) => {
    control.id = `explore-control-${++fresh}`;
    return el("div", { class: "control" }, el("label", { for: control.id }, text), control);
  };

  /** Put entries, [{ group, name }] by position, into a select. */
  const fill = (control, entries, chosen) => {
    const groups = new Map();
    control.replaceChildren();
    entries.forEach(({ group, name }, n) => {
      const option = el("option", { value: n, selected: n === chosen }, name);
      if (group && !groups.has(group)) {
        groups.set(group, el("optgroup", { label: group }));
        control.append(groups.get(group));
      }
      (groups.get(group) ?? control).append(option);
    });
  };
  const choice = (text, entries, chosen, change) => {
    const control = el("select", { onchange: () => change(+control.value) });
    fill(control, entries, chosen);
    return labelled(text, control);
  };

  const swatch = (term) => el("span", { class: `swatch ${term}`, style: `background:${data.terms[term]}` });
  /** A checkbox a term, with its colour and name; picked: a Set that is kept up to date. */
  const termBoxes = (legend, picked, change) =>
    el("fieldset", {}, el("legend", {}, legend), TERMS.map((term) => {
      const box = el("input", { type: "checkbox", value: term, checked: picked.has(term), onchange: () => {
        box.checked ? picked.add(term) : picked.delete(term);
        change();
      } });
      return el("label", {}, box, swatch(term), el("b", {}, term), ` ${NAMES[term]}`);
    }));

  /** A table of numbers: head and rows are lists of texts or nodes, the first of a row its name. */
  const table = (caption, head, rows) =>
    el("table", { class: "values" }, el("caption", {}, caption),
      el("thead", {}, el("tr", {}, head.map((text, n) => (n ? el("th", { scope: "col" }, text) : el("td", {}, text))))),
      el("tbody", {}, rows.map(([name, ...cells]) =>
        el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell))))));

  // --- tables of shaded cells ----------------------------------------------------------------

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

  /** A table of cells, one of them reachable by Tab and the others by arrow keys; enter hears which. */
  const grid = (label, columns, rows, enter, kind = "") => {
    const node = el("table", { class: `heat ${kind}`, "aria-label": label },
      el("thead", {}, el("tr", {}, el("td", {}, ""), columns.map((name) =>
        el("th", { scope: "col" }, el("span", {}, name))))),
      el("tbody", {}, rows.map((name) =>
        el("tr", {}, el("th", { scope: "row" }, name), columns.map(() => el("td", { tabindex: -1 }, ""))))));
    const cells = [...node.tBodies[0].rows].map((row) => [...row.querySelectorAll("td")]);
    const where = (cell) => {
      const row = cells.findIndex((line) => line.includes(cell));
      return [row, cells[row].indexOf(cell)];
    };
    cells[0][0].tabIndex = 0;
    node.addEventListener("keydown", (event) => {
      const cell = event.target.closest("tbody td");
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
                     Home: [0, -99], End: [0, 99] }[event.key];
      if (!cell || !step) return;
      event.preventDefault();
      const [row, column] = where(cell);
      const line = cells[Math.max(0, Math.min(cells.length - 1, row + step[0]))];
      line[Math.max(0, Math.min(line.length - 1, column + step[1]))].focus();
    });
    node.addEventListener("focusin", (event) => {
      const cell = event.target.closest("tbody td");
      if (!cell) return;
      cells.flat().forEach((other) => { other.tabIndex = -1; });
      cell.tabIndex = 0;
      enter(...where(cell));
    });
    return { node, cells };
  };

  // --- charts --------------------------------------------------------------------------------

  /** A chart in an element of its own; draw fills it with rows and parameters, under a name. */
  const chart = (kind, click = () => {}) => {
    // Vega names every mark; here the picture has one name, and a table the numbers.
    const inside = el("div", { class: "chart", "aria-hidden": "true" });
    const holder = el("div", { role: "img", "aria-label": "" }, inside);
    let [view, wanted] = [null, null];
    const draw = (name, rows, parameters) => {
      holder.setAttribute("aria-label", name);
      wanted = { rows, parameters };
      if (!view) return;
      for (const [parameter, value] of Object.entries(parameters)) view.signal(parameter, value);
      view.data("rows", rows).runAsync();
    };
    /** Draw it for the first time, with what it has been filled with. */
    const start = async () => {
      const { rows, parameters } = wanted;
      const params = data.charts[kind].params.map((one) => ({ ...one, value: parameters[one.name] }));
      const { height } = { ...data.charts[kind], ...parameters };
      const datasets = { ...data.charts[kind].datasets, rows };
      const filled = { ...data.charts[kind], params, height, datasets };
      // Without `ast` it would make functions out of text, which the page's policy forbids.
      ({ view } = await vegaEmbed(inside, filled, { actions: false, ast: true, renderer: "svg", logLevel: 1 }));
      view.addEventListener("click", (_, item) => { if (item?.datum?.place != null) click(item.datum); });
      if (wanted.rows !== rows) draw(holder.getAttribute("aria-label"), wanted.rows, wanted.parameters);
    };
    return { holder, draw, start };
  };

  return { data, TERMS, NAMES, ALL, MEASURES, sum, mean, shown, whole, el, labelled, fill, choice, swatch,
           termBoxes, table, shade, grid, chart };
})();
