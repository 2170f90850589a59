// Tables that sort: a button in each head, aria-sort for the column in use. Without this script they are read.
"use strict";
(() => {
  const MISSING = "–";

  // "−0.12 ± 0.01" by its number, "✓ replicated" by its word.
  const textOf = (row, n) => (row.cells[n]?.textContent ?? "").trim();
  const numberOf = (text) => parseFloat(text.replace("−", "-").replaceAll(",", ""));
  const wordOf = (text) => text.replace(/^[^\p{L}\p{N}]+/u, "");

  const compare = (a, b, numbers) =>
    numbers ? numberOf(a) - numberOf(b) : wordOf(a).localeCompare(wordOf(b), "en", { numeric: true });

  const sort = (table, heads, n) => {
    const body = table.tBodies[0];
    const down = heads[n].getAttribute("aria-sort") === "ascending";
    const rows = [...body.rows].map((row) => ({ row, text: textOf(row, n) }));
    const there = rows.filter(({ text }) => text && text !== MISSING);
    const missing = rows.filter(({ text }) => !text || text === MISSING); // last, whichever way
    const numbers = there.every(({ text }) => /^[-−]?[\d.]/.test(text));
    there.sort((a, b) => (down ? -1 : 1) * compare(a.text, b.text, numbers));
    body.append(...[...there, ...missing].map(({ row }) => row));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[n].setAttribute("aria-sort", down ? "descending" : "ascending");
  };

  for (const table of document.querySelectorAll(".sortable table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, n) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...(head.querySelector("p") ?? head).childNodes);
      button.addEventListener("click", () => sort(table, heads, n));
      head.replaceChildren(button);
    });
  }
})();
