// Importance by layer, two models side by side; and the matrices of agreement, two in one.
"use strict";
(() => {
  const { data, TERMS, mean, shown, whole, el, choice, swatch, termBoxes, table, shade, grid, chart } = explore;

  // --- importance by layer -------------------------------------------------------------------

  const curvesTool = async (root) => {
    const { curves } = data;
    const picked = new Set(TERMS);
    const paper = curves.findIndex(({ run }) => run !== curves[0].run);
    const models = [0, Math.max(0, paper)];
    const entries = curves.map(({ run, model }) => ({ group: run, name: model }));
    const sides = models.map((_, n) => {
      const title = el("p", { class: "title" });
      const numbers = el("div", { class: "scroll" });
      const one = chart("importance");
      return { n, title, numbers, chart: one, node: el("div", { class: "side" }, title, one.holder, numbers) };
    });

    const draw = () => {
      const pair = models.map((n) => curves[n]);
      const ends = pair.flatMap(({ lines }) => TERMS.flatMap((term) =>
        lines[term].mean.flatMap((x, n) => [x - lines[term].std[n], x + lines[term].std[n]])));
      const [low, high] = [Math.min(0, ...ends), Math.max(1, ...ends)];
      const terms = TERMS.filter((term) => picked.has(term));
      for (const side of sides) {
        const { run, model, lines } = pair[side.n];
        side.title.textContent = `${run}: ${model}`;
        const rows = terms.flatMap((term) =>
          lines[term].mean.map((x, layer) => ({ layer, term, mean: x, std: lines[term].std[layer] })));
        side.chart.draw(`Importance by layer in ${run}, ${model}; the table has the numbers.`, rows, { low, high });
        side.numbers.replaceChildren(table("Mean ± standard deviation", ["layer", ...terms.map((term) => el("span", {}, swatch(term), term))],
          lines.i.mean.map((_, layer) => [`${layer}`,
            ...terms.map((term) => `${shown(lines[term].mean[layer])} ± ${shown(lines[term].std[layer])}`)])));
      }
    };
    root.append(
      el("div", { class: "controls" },
        choice("Left", entries, models[0], (n) => { models[0] = n; draw(); }),
        choice("Right", entries, models[1], (n) => { models[1] = n; draw(); }),
        termBoxes("Terms shown", picked, draw)),
      el("div", { class: "sides" }, sides.map(({ node }) => node)));
    draw();
    for (const side of sides) await side.chart.start();
  };

  // --- agreement -----------------------------------------------------------------------------

  const agreementTool = (root) => {
    const { matrices, subsets } = data;
    const second = matrices.findIndex(({ task }, n) => n > 0 && task === matrices[0].task);
    const state = { above: 0, below: Math.max(0, second), picked: new Set() };
    const entries = matrices.map(({ run, name }) => ({ group: run, name }));
    const detail = el("p", { class: "detail", role: "status" });
    const summary = el("div", { class: "scroll" });

    const value = (row, column) =>
      row === column ? null : matrices[column > row ? state.above : state.below].grid[row][column];
    const tell = (row, column) => {
      const { run, name } = matrices[column > row ? state.above : state.below];
      const x = value(row, column);
      detail.replaceChildren(el("b", {}, subsets[row]), " and ", el("b", {}, subsets[column]),
        x == null ? ": the same subset." : `: ${x.toFixed(1)} %, ${run}, ${name}.`);
    };
    const { node, cells } = grid("Agreement of subsets by subsets", subsets, subsets, tell, "matrix");
    const inside = (name) => [...state.picked].every((term) => name.split("+").includes(term));

    /** Mean agreement among the subsets brought out, between them and the rest, among the rest. */
    const means = ({ grid: numbers }) => {
      const groups = [[], [], []];
      subsets.forEach((a, n) => subsets.slice(0, n).forEach((b, m) => {
        if (numbers[n][m] != null) groups[2 - inside(a) - inside(b)].push(numbers[n][m]);
      }));
      return groups.map((group) => (group.length ? `${mean(group).toFixed(1)} %` : "–"));
    };

    const draw = () => {
      const both = [matrices[state.above], matrices[state.below]];
      const known = both.flatMap((one) => one.grid.flat()).filter((x) => x != null);
      const [low, high] = [Math.min(...known), Math.max(...known)];
      cells.forEach((line, row) => line.forEach((cell, column) => {
        const x = value(row, column);
        const out = inside(subsets[row]) && inside(subsets[column]);
        cell.replaceChildren(el("span", {}, x == null ? "" : whole(x)));
        cell.className = x == null ? "same" : out ? "" : "faint";
        cell.style.cssText = x != null && out ? shade((x - low) / (high - low)) : "";
      }));
      [...node.tHead.rows[0].cells].slice(1).forEach((cell, n) => cell.classList.toggle("quiet", !inside(subsets[n])));
      [...node.tBodies[0].rows].forEach((row, n) => row.cells[0].classList.toggle("quiet", !inside(subsets[n])));
      const count = subsets.filter(inside).length;
      const rows = count === subsets.length ? [["all subsets", 0]] : [
        [`among the ${count} brought out`, 0], ["between them and the others", 1],
        [`among the other ${subsets.length - count}`, 2]];
      const found = both.map(means);
      summary.replaceChildren(table(`Mean agreement; colours run from ${whole(low)} to ${whole(high)} %`,
        ["", ...both.map(({ run, name }) => `${run}: ${name}`)],
        rows.map(([text, n]) => [text, ...found.map((three) => three[n])])));
    };
    root.append(
      el("div", { class: "controls" },
        choice("Above the diagonal", entries, state.above, (n) => { state.above = n; draw(); }),
        choice("Below the diagonal", entries, state.below, (n) => { state.below = n; draw(); }),
        termBoxes("Bring out subsets with", state.picked, draw)),
      el("div", { class: "scroll" }, node), detail, summary);
    draw();
    tell(0, 1);
  };

  // Without data a tool has nothing to show: its picture stays, and says what there is.
  for (const [id, tool, needs] of [["explore-importance", curvesTool, data.curves],
                                   ["explore-agreement", agreementTool, data.matrices]]) {
    const root = document.getElementById(id);
    if (!root || !needs.length) continue;
    root.hidden = false;
    tool(root);
  }
})();
