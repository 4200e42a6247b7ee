"use strict";
// What a mark stands for, shown beside the pointer, after a tap, or when reached by keyboard.
(() => {
  const hint = document.getElementById("hint");
  const hide = () => { hint.hidden = true; };
  const show = (event) => {
    const mark = event.target.closest ? event.target.closest("[data-hint]") : null;
    if (!mark) { hide(); return; }
    hint.textContent = mark.dataset.hint;
    hint.hidden = false;
    const place = mark.getBoundingClientRect();
    const pointer = event.type.startsWith("pointer");
    const x = pointer ? event.clientX : place.right;
    const y = pointer ? event.clientY : place.bottom;
    const box = hint.getBoundingClientRect();
    const left = Math.min(x + 14, window.innerWidth - box.width - 8);
    const below = y + 14;
    const top = below + box.height > window.innerHeight ? y - box.height - 10 : below;
    hint.style.left = `${Math.max(8, left)}px`;
    hint.style.top = `${Math.max(8, top)}px`;
  };
  for (const mark of document.querySelectorAll("[data-hint]")) {
    mark.setAttribute("tabindex", "0");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", mark.dataset.hint);
  }
  document.addEventListener("focusin", show);
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", hide, { passive: true });
})();

// Tables sort by the column whose heading is pressed; unknown values stay last.
(() => {
  const value = (row, column) => {
    const cell = row.children[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = Number(text);
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (left, right) => {
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left).localeCompare(String(right), "en", { numeric: true });
  };
  const sort = (table, heading, column) => {
    const falling = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => [value(row, column), row]);
    rows.sort(([left], [right]) => {
      if (left === null || right === null) return (left === null) - (right === null);
      return falling ? compare(right, left) : compare(left, right);
    });
    body.append(...rows.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
      // No button: browsers leave buttons out where a table goes on on another sheet of paper.
      const button = document.createElement("span");
      button.setAttribute("role", "button");
      button.tabIndex = 0;
      button.className = "sort";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, heading, column));
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(table, heading, column);
      });
      heading.append(button);
    });
  }
})();

// On paper nothing can be opened.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
