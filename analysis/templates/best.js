"use strict";
// Shows what a mark stands for, and the same recipe in all charts. Without it, the page lacks nothing else.

const data = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
let [pinned, lit] = [null, null];

// Marks of a recipe are moved in front of the others. One that is moved below the pointer tells of the pointer again.
function light(recipe) {
  if (recipe === lit) return;
  lit = recipe;
  for (const mark of document.querySelectorAll(".mark.lit")) mark.classList.remove("lit");
  if (recipe === null) return;
  for (const mark of document.querySelectorAll(`.mark[data-recipe="${recipe}"]`)) {
    mark.classList.add("lit");
    mark.parentNode.append(mark);
  }
}

function showTip(mark, x, y) {
  const texts = [data.trials[mark.dataset.trial], data.recipes[mark.dataset.recipe]].filter(Boolean);
  tip.replaceChildren(...texts.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  tip.hidden = !texts.length;
  const width = document.documentElement.clientWidth;
  const left = Math.max(4, Math.min(x + 14, width - tip.offsetWidth - 4));
  const below = y + 18 + tip.offsetHeight < window.innerHeight;
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${(below ? y + 18 : y - tip.offsetHeight - 12) + window.scrollY}px`;
}

document.addEventListener("pointerover", (event) => {
  const mark = event.target.closest(".mark[data-recipe]");
  if (mark) showTip(mark, event.clientX, event.clientY);
  else tip.hidden = true;
  const any = event.target.closest("[data-recipe]");
  light(any ? any.dataset.recipe : pinned);
});

for (const pin of document.querySelectorAll(".pin")) {
  pin.addEventListener("click", () => {
    const recipe = pin.closest("tr").dataset.recipe;
    pinned = pinned === recipe ? null : recipe;
    for (const other of document.querySelectorAll(".pin")) {
      other.setAttribute("aria-pressed", String(other.closest("tr").dataset.recipe === pinned));
    }
    light(pinned);
  });
}
