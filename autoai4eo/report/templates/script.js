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

// one of several charts
for (const choice of document.querySelectorAll("select[data-of]")) {
  const charts = document.querySelectorAll(`#${choice.dataset.of} > figure`);
  const choose = () => charts.forEach((c, i) => { c.hidden = i !== choice.selectedIndex; });
  choice.addEventListener("change", choose);
  choose();
}
