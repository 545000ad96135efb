"use strict";
// tables that sort
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].querySelectorAll("th")];
  const sort = (head, index) => {
    const down = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((h) => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => {
      const cell = row.cells[index];
      const text = cell.dataset.value ?? cell.textContent.trim();
      return text === "" ? null : isNaN(text) ? text : Number(text);
    };
    const rows = [...table.tBodies[0].rows].sort((one, other) => {
      const a = value(one), b = value(other);
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "number" && typeof b === "number"
        ? a - b : String(a).localeCompare(String(b));
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows);
  };
  heads.forEach((head, index) => {
    head.tabIndex = 0;
    head.addEventListener("click", () => sort(head, index));
    head.addEventListener("keydown", (e) => { if (e.key === "Enter") sort(head, index); });
  });
}

// what a trial is, on hover, focus or touch
const told = document.getElementById("trials");
if (told) {
  const trials = JSON.parse(told.textContent);
  const tip = document.getElementById("tip");
  const light = (number, on) => {
    document.querySelectorAll(`[data-trial="${number}"]`)
      .forEach((mark) => mark.classList.toggle("lit", on));
  };
  const hide = (number) => { tip.style.display = "none"; light(number, false); };
  const show = (mark) => {
    const { title, facts } = trials[mark.dataset.trial];
    const head = document.createElement("b");
    head.textContent = title;
    const list = document.createElement("dl");
    for (const [name, value] of facts) {
      for (const [tag, text] of [["dt", name], ["dd", value]]) {
        const part = document.createElement(tag);
        part.textContent = text;
        list.append(part);
      }
    }
    tip.replaceChildren(head, list);
    tip.style.display = "block";
    light(mark.dataset.trial, true);
  };
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    const right = x + 14 + box.width > innerWidth ? x - 14 - box.width : x + 14;
    tip.style.left = `${Math.max(4, Math.min(right, innerWidth - box.width - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - box.height - 4))}px`;
  };
  for (const mark of document.querySelectorAll(".chart [data-trial]")) {
    mark.addEventListener("pointerenter", (e) => { show(mark); place(e.clientX, e.clientY); });
    mark.addEventListener("pointermove", (e) => place(e.clientX, e.clientY));
    mark.addEventListener("pointerleave", () => hide(mark.dataset.trial));
    mark.addEventListener("focus", () => {
      show(mark);
      const box = mark.getBoundingClientRect();
      place(box.right, box.bottom);
    });
    mark.addEventListener("blur", () => hide(mark.dataset.trial));
  }
}

// tables and pictures wider than the page
const scrolled = [...document.querySelectorAll(".scroll")];
const hint = (box) => {
  const more = box.scrollWidth - box.clientWidth;
  box.classList.toggle("is-wide", more > 1);
  box.classList.toggle("goes-on", more - box.scrollLeft > 1);
};
for (const box of scrolled) {
  hint(box);
  box.addEventListener("scroll", () => hint(box), { passive: true });
  for (const picture of box.querySelectorAll("img"))
    picture.addEventListener("load", () => hint(box));
  if (window.ResizeObserver) new ResizeObserver(() => hint(box)).observe(box);
}

// paper does not scroll: further columns are tables below, with the first column again
const LETTERS = 105; // of a line
const LONGEST = 24; // of a cell that can have several lines
const printed = [];
const widthOf = (cell) => {
  const text = cell.textContent.trim();
  const longest = Math.max(...text.split(/\s+|(?<=[/_])/).map((word) => word.length));
  return 2.5 + Math.max(longest, cell.tagName === "TH" ? 0 : Math.min(text.length, LONGEST));
};
const pages = (table) => {
  const rows = [...table.rows];
  const widths = [...rows[0].cells].map(
    (_, i) => Math.max(...rows.map((row) => row.cells[i] ? widthOf(row.cells[i]) : 0)));
  const found = [];
  let left = 0;
  widths.forEach((width, i) => {
    if (i === 0) return;
    if (!found.length || left < width) { found.push([0]); left = LETTERS - widths[0]; }
    found.at(-1).push(i);
    left -= width;
  });
  return found;
};
addEventListener("beforeprint", () => {
  if (printed.length) return;
  for (const table of document.querySelectorAll(".scroll > table")) {
    const parts = pages(table);
    if (parts.length < 2) continue;
    for (const columns of parts) {
      const part = table.cloneNode(true);
      part.classList.add("part");
      for (const row of part.rows) {
        [...row.cells].forEach((cell, i) => { if (!columns.includes(i)) cell.remove(); });
      }
      table.parentNode.append(part);
      printed.push(part);
    }
    table.hidden = true;
  }
});
addEventListener("afterprint", () => {
  for (const part of printed.splice(0)) {
    part.parentNode.querySelector("table").hidden = false;
    part.remove();
  }
});
