"use strict";

// Tables sort by the column whose head is clicked; another click turns the order round.
const numberOf = (text) => parseFloat(text.replace(/^[^\d−-]+/, "").replaceAll(",", "").replace("−", "-"));

function compare(one, other) {
  const [a, b] = [numberOf(one), numberOf(other)];
  if (Number.isNaN(a) || Number.isNaN(b)) return one.localeCompare(other, "en", { numeric: true });
  return a - b;
}

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    button.title = "sort";
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.ariaSort === "ascending" ? "descending" : "ascending";
      const sign = order === "ascending" ? 1 : -1;
      for (const one of heads) one.ariaSort = null;
      head.ariaSort = order;
      const text = (row) => row.cells[place].textContent;
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const missing = (text(one) === "–") - (text(other) === "–");
        return missing || sign * compare(text(one), text(other));
      });
      table.tBodies[0].append(...rows);
    });
  });
}

// A point of a figure that is a run says which, and leads to it in MLflow, as its row in the table.
for (const point of document.querySelectorAll("[data-run]")) {
  const row = document.getElementById(`run-${point.dataset.run}`);
  if (!row) continue;
  const heads = row.closest("table").tHead.rows[0].cells;
  const numbers = [...row.cells].filter((cell) => cell.classList.contains("n"));
  const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
  title.textContent = [
    row.cells[0].textContent,
    ...numbers.map((cell) => `${heads[cell.cellIndex].textContent}: ${cell.textContent}`),
  ].join("\n");
  point.append(title);
  const link = row.querySelector("a");
  if (link) point.classList.add("run");
  if (link) point.addEventListener("click", () => window.open(link.href));
}

// A click on an entry of a figure's legend dims all that it does not stand for; another undoes it.
for (const entry of document.querySelectorAll("[data-level]")) {
  const parts = [...entry.closest("svg").querySelectorAll("[data-of]")];
  const stands = (part) => part.dataset.of.split("|").includes(entry.dataset.level);
  if (!parts.some(stands)) continue;
  entry.classList.add("pick");
  entry.addEventListener("click", () => {
    const alone = !entry.classList.contains("picked");
    for (const one of entry.closest("svg").querySelectorAll(".picked")) one.classList.remove("picked");
    for (const one of entry.closest("svg").querySelectorAll("[data-level]")) {
      one.classList.toggle("picked", alone && one.dataset.level === entry.dataset.level);
    }
    for (const part of parts) part.classList.toggle("dim", alone && !stands(part));
  });
}
