// A page that is loaded again, as that of a run that goes on, keeps its place, its slider, choices and what is unfolded.
const PLACE = `failmap ${location.pathname}`;
const unfoldable = [...document.querySelectorAll("main details")].filter((one) => !one.closest("#detail"));
const named = (one) => one.querySelector("summary").textContent;

window.addEventListener("pagehide", () => {
  const slider = document.getElementById("updates");
  const choices = [...document.querySelectorAll("#charts select")].map((one) => [one.dataset.kind, one.value]);
  const open = unfoldable.filter((one) => one.open).map(named);
  // Where it was not moved, the slider stands at the run's own updates, whatever their place will be.
  const updates = slider && slider.value !== slider.defaultValue ? slider.value : null;
  const focused = document.activeElement.matches("button.cell") ? document.activeElement.dataset.cell : null;
  sessionStorage.setItem(PLACE, JSON.stringify({ top: scrollY, hash: location.hash, updates, choices, open, focused }));
});

function keepPlace({ top, hash, updates, choices, open, focused }) {
  // A page that refreshes itself loses what follows the # of its address.
  if (hash && !location.hash) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  }
  for (const one of unfoldable) one.open = open.includes(named(one));
  const slider = document.getElementById("updates");
  if (slider && updates !== null) {
    slider.value = updates;
    slider.dispatchEvent(new Event("input"));
  }
  for (const [kind, value] of choices) {
    const choice = document.querySelector(`#charts select[data-kind=${kind}]`);
    if (!choice || ![...choice.options].some((option) => option.value === value)) continue;
    choice.value = value;
    choice.dispatchEvent(new Event("change"));
  }
  document.activeElement.blur();
  const cell = focused !== null && document.querySelector(`button.cell[data-cell="${focused}"]`);
  if (cell) cell.focus({ preventScroll: true });
  scrollTo(0, top);
}

history.scrollRestoration = "manual";
const kept = sessionStorage.getItem(PLACE);
if (kept) keepPlace(JSON.parse(kept));
