// Sorting and filtering of tables. Without this script every page is complete: tables are plain, controls stay hidden.
"use strict";

function key(cell) {
  // numbers stand in data-value; a cell without a number comes last, whatever the direction
  if (cell.classList.contains("text") || cell.tagName === "TH") return cell.textContent.trim().toLowerCase();
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

function compare(a, b, turn) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return turn * (a - b);
  return turn * String(a).localeCompare(String(b), "en", { numeric: true });
}

function sort(table, column, header) {
  const heads = [...table.tHead.rows[0].cells];
  const text = header.classList.contains("text");
  const now = header.getAttribute("aria-sort");
  const next = now === null ? (text ? "ascending" : "descending") : now === "ascending" ? "descending" : "ascending";
  for (const head of heads) head.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", next);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => ({ row, place, key: key(row.cells[column]) }));
  const turn = next === "ascending" ? 1 : -1;
  rows.sort((one, other) => compare(one.key, other.key, turn) || one.place - other.place);
  body.append(...rows.map((item) => item.row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((header, column) => {
    if (header.classList.contains("plain")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sort(table, column, header));
  });
}

function makeFilter(form) {
  const table = document.getElementById(form.dataset.filter);
  const rows = [...table.tBodies[0].rows];
  const field = (name) => form.elements.namedItem(name);
  const apply = () => {
    const words = field("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const published = row.dataset.published !== undefined;
      const fits =
        words.every((word) => text.includes(word)) &&
        (!field("benchmark").value || row.dataset.benchmark === field("benchmark").value) &&
        (!field("protocol").value || row.dataset.protocol === field("protocol").value) &&
        (!published || !field("published") || field("published").checked);
      row.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("form[data-filter]").forEach(makeFilter);
