// The maps as grids: one stop of the Tab key each, arrow keys within, and a line for the cell in focus or pointed at.
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function buttonsByRow(map) {
  return [...map.tBodies[0].rows].map((row) => [...row.querySelectorAll("button.cell")]);
}

// The cell that a key leads to, or undefined.
function destination(rows, button, event) {
  const y = rows.findIndex((row) => row.includes(button));
  const x = rows[y].indexOf(button);
  const all = rows.flat();
  if (event.key === "Home") return event.ctrlKey ? all[0] : rows[y][0];
  if (event.key === "End") return event.ctrlKey ? all.at(-1) : rows[y].at(-1);
  const [dx, dy] = STEPS[event.key] || [];
  return dx === undefined ? undefined : (rows[y + dy] || [])[x + dx];
}

for (const map of document.querySelectorAll("table.map")) {
  const rows = buttonsByRow(map);
  let current = rows.flat().find((button) => button.getAttribute("aria-pressed") === "true") || rows[0][0];
  for (const button of rows.flat()) button.tabIndex = button === current ? 0 : -1;
  map.addEventListener("focusin", ({ target }) => {
    if (!target.matches("button.cell")) return;
    current.tabIndex = -1;
    current = target;
    current.tabIndex = 0;
  });
  map.addEventListener("keydown", (event) => {
    if (!event.target.matches("button.cell")) return;
    const next = destination(rows, event.target, event);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

const pointed = document.getElementById("pointed");
for (const button of document.querySelectorAll("button.cell")) {
  for (const kind of ["pointerenter", "focus"]) {
    button.addEventListener(kind, () => {
      pointed.textContent = button.title;
    });
  }
}

document.addEventListener("keydown", (event) => {
  const shown = document.querySelector("button.cell[aria-pressed=true]");
  if (event.key === "Escape" && shown && detail.contains(document.activeElement)) shown.focus();
});
