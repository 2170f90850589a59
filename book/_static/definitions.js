// A word of the glossary shows its definition while it has the focus, or the pointer is on either of them.
"use strict";
(() => {
  const GAP = 6; // pixels
  const PATIENCE = 200; // milliseconds, for the pointer's way from the word to its definition
  let shown = null;
  let later = 0;

  const hide = () => {
    clearTimeout(later);
    shown?.hidePopover();
    shown = null;
  };

  const leave = () => {
    clearTimeout(later);
    later = setTimeout(hide, PATIENCE);
  };

  const stay = () => clearTimeout(later);

  // Below the word, or above it where the window ends; never beyond a side.
  const place = (box, word) => {
    const at = word.getClientRects()[0];
    const left = Math.max(GAP, Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - GAP));
    const below = at.bottom + GAP + box.offsetHeight <= window.innerHeight;
    const top = below ? at.bottom + GAP : at.top - GAP - box.offsetHeight;
    box.style.left = `${left + window.scrollX}px`;
    box.style.top = `${top + window.scrollY}px`;
  };

  const show = (word) => {
    const box = document.getElementById(word.getAttribute("aria-describedby"));
    stay();
    if (box === shown) return;
    hide();
    box.showPopover();
    place(box, word);
    shown = box;
  };

  for (const word of document.querySelectorAll('a[aria-describedby^="definition-"]')) {
    word.addEventListener("mouseenter", () => show(word));
    word.addEventListener("focus", () => show(word));
    word.addEventListener("mouseleave", leave);
    word.addEventListener("blur", hide);
  }
  for (const box of document.querySelectorAll(".definition")) {
    box.addEventListener("mouseenter", stay);
    box.addEventListener("mouseleave", leave);
  }
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hide();
  });
})();
