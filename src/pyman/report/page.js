"use strict";
// Everything is there without this: it sorts and filters what the page shows already.
for (const section of document.querySelectorAll("section")) {
  const table = section.querySelector("table");
  if (!table) continue;
  const body = table.tBodies[0];
  const rows = Array.from(body.rows, (row) => ({
    row,
    text: row.textContent.toLowerCase(),
    state: row.dataset.state || "",
    keys: Array.from(row.cells, (cell) => cell.dataset.key ?? cell.textContent.toLowerCase()),
  }));
  const tools = section.querySelector(".tools");
  const [search, select, count] = [tools.querySelector("input"), tools.querySelector("select"), tools.querySelector("output")];
  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text, state } of rows) {
      const fits = words.every((word) => text.includes(word)) && (!select || !select.value || state === select.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  };
  table.tHead.querySelectorAll("th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const isNumber = head.classList.contains("number");
      const order = (one, two) => isNumber ? one - two : one.localeCompare(two, undefined, { numeric: true });
      rows.sort((one, two) => (up ? 1 : -1) * order(one.keys[column], two.keys[column]));
      body.append(...rows.map(({ row }) => row));
    });
  });
  search.addEventListener("input", show);
  if (select) select.addEventListener("change", show);
  tools.hidden = false;
  show();
}
