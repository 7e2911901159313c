const DATA = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["learned", "failed", "censored", "errored"];
const detail = document.getElementById("detail");

function outcomeColour(outcome) {
  return `var(--${OUTCOMES.includes(outcome) ? outcome : "censored"})`;
}

// From violet for the first to amber for the last; the page's scheme sets the lightness.
function rampColour(index, count) {
  const share = count > 1 ? index / (count - 1) : 0;
  return `hsl(${265 - 225 * share} 72% var(--ramp))`;
}

function distinct(values) {
  return [...new Set(values.filter((value) => value !== null && value !== undefined))];
}

function levels(trials, field, name) {
  return distinct(trials.map((trial) => trial.curves[field])).map((value) => ({ name, value }));
}

// The losses that the loss chart can show; the reader's choice stays from cell to cell.
const LOSSES = {
  trained: "the loss that trains",
  mean_squared_error: "mean squared error",
  cross_entropy: "cross-entropy",
};
let shownLoss = "trained";

function trainedLossChart(trials, chosen) {
  const curves = trials.flatMap((trial) => [["validation", "validation_loss"], ["train", "train_loss"]].map(
    ([kind, field]) => ({
      name: `trial ${trial.number}, ${kind} loss (${trial.outcome})`,
      xs: trial.curves.update,
      ys: trial.curves[field],
      colour: outcomeColour(trial.outcome),
      dashed: kind === "train",
      chosen: trial === chosen && kind === "validation",
    }),
  ));
  return lineChart({
    title: "Loss", unit: "train and validation", xName: "updates", log: isAboveZero(curves), curves,
    levels: [...levels(trials, "chance_loss", "chance"), ...levels(trials, "target_loss", "criterion"),
      ...visibleFloors(levels(trials, "loss_floor", "least that the output can reach"), curves)],
    keys: [{ name: "validation", colour: "var(--ink)" }, { name: "train", colour: "var(--ink)", dashed: true },
      ...outcomeKeys(trials)],
    empty: "No finite loss was recorded.",
  });
}

// One of the two losses that are recorded of every trial, whichever one trains.
function comparedLossChart(trials, chosen, name) {
  const curves = trials.filter((trial) => trial.curves.compared[name]).map((trial) => ({
    name: `trial ${trial.number} (${trial.outcome})`,
    xs: trial.curves.update,
    ys: trial.curves.compared[name],
    colour: outcomeColour(trial.outcome),
    chosen: trial === chosen,
  }));
  const known = name === "mean_squared_error"
    ? [...levels(trials, "chance_error", "chance"), ...levels(trials, "target_error", "criterion")] : [];
  return lineChart({
    title: "Loss", unit: "validation, in the task's own units", xName: "updates", log: isAboveZero(curves), curves,
    levels: known, keys: outcomeKeys(trials), empty: "Nothing finite was recorded.",
  });
}

function lossChart(trials, chosen, redraw) {
  const offered = Object.keys(LOSSES).filter(
    (name) => name === "trained" || trials.some((trial) => trial.curves.compared[name]),
  );
  const name = offered.includes(shownLoss) ? shownLoss : "trained";
  const chart = name === "trained" ? trainedLossChart(trials, chosen) : comparedLossChart(trials, chosen, name);
  if (offered.length === 1) return chart;
  const choice = html("select", { ariaLabel: "which loss is shown" },
    ...offered.map((one) => html("option", { value: one, textContent: LOSSES[one], selected: one === name })));
  choice.addEventListener("change", () => {
    shownLoss = choice.value;
    redraw();
    document.querySelector("#charts select").focus();
  });
  chart.querySelector("figcaption").append(" ", choice);
  return chart;
}

// Some losses fall below zero, where no logarithm goes.
function isAboveZero(curves) {
  return curves.every((curve) => curve.ys.every((value) => value === null || value > 0));
}

// A floor far below every curve would press the curves together at the top.
function visibleFloors(floors, curves) {
  const [low, high] = extent(curves.flatMap((curve) => curve.ys.filter((value) => value !== null)));
  return floors
    .filter(({ value }) => (low > 0 ? value > low / 30 : value > low - (high - low)))
    .map((floor) => ({ ...floor, isFloor: true }));
}

function outcomeKeys(trials) {
  return OUTCOMES.filter((outcome) => trials.some((trial) => trial.outcome === outcome))
    .map((outcome) => ({ name: outcome, colour: outcomeColour(outcome) }));
}

function scoreChart(trials, chosen) {
  const curves = trials.map((trial) => ({
    name: `trial ${trial.number} (${trial.outcome})`,
    xs: trial.curves.update,
    ys: trial.curves.score,
    colour: outcomeColour(trial.outcome),
    chosen: trial === chosen,
  }));
  return lineChart({
    title: "Score", unit: "0 at chance, 1 perfect", xName: "updates", log: false, curves,
    levels: [{ name: "chance", value: 0 }, ...levels(trials, "target_score", "criterion")],
    keys: outcomeKeys(trials),
    empty: "No score was recorded.",
  });
}

function layerChart(trial) {
  const names = Object.keys(trial.curves.by_layer);
  const curves = names.map((name, index) => ({
    name, xs: trial.curves.update, ys: trial.curves.by_layer[name], colour: rampColour(index, names.length), chosen: true,
  }));
  return lineChart({
    title: "Gradient norm by layer", unit: `trial ${trial.number}, before clipping`, xName: "updates", log: true,
    curves, keys: curves, empty: "No gradient by layer was recorded.",
  });
}

function stepChart(trial) {
  const measured = trial.curves.by_step;
  const curves = measured.map((one, index) => ({
    name: `update ${one.update.toLocaleString("en")}`, xs: one.step, ys: one.norm,
    colour: rampColour(index, measured.length), chosen: true,
  }));
  return lineChart({
    title: "Gradient norm by time step", unit: `trial ${trial.number}, of the loss to the input`, xName: "time step",
    log: true, curves, keys: curves, empty: "No gradient by time step was recorded.",
  });
}

function drawCharts(trials, chosen) {
  const charts = document.getElementById("charts");
  const drawn = trials.filter((trial) => trial.curves);
  charts.replaceChildren();
  if (!drawn.length) return;
  const redraw = () => drawCharts(trials, chosen);
  charts.append(lossChart(drawn, chosen, redraw), scoreChart(drawn, chosen));
  if (chosen && chosen.curves) charts.append(layerChart(chosen), stepChart(chosen));
}

function showTrials(trials, chosen) {
  drawCharts(trials, chosen);
  const rows = trials.map((trial) => {
    const choose = html("button", { type: "button", className: "link" }, String(trial.number));
    choose.setAttribute("aria-label", `show the gradients of trial ${trial.number}`);
    choose.addEventListener("click", () => showTrials(trials, trial));
    const values = [trial.seed, trial.recipe, trial.purpose, trial.outcome, trial.reason, trial.updates, trial.best_score];
    const row = html("tr", { className: trial === chosen ? "chosen" : "" }, html("td", {}, choose));
    for (const value of values) row.append(html("td", {}, value === null ? "" : String(value)));
    row.children[5].className = "reason";
    row.children[4].className = `outcome ${trial.outcome}`;
    return row;
  });
  document.getElementById("trials").hidden = !rows.length;
  document.querySelector("#trials tbody").replaceChildren(...rows);
}

function leftOutWords(trials) {
  const missing = trials.filter((trial) => !trial.curves).map((trial) => trial.number);
  return missing.length ? `Without curves here (none recorded, or left out to keep this page small): trials ${missing.join(", ")}.` : "";
}

function showCell(identifier) {
  const cell = DATA.cells[identifier];
  const trials = cell.trials.map((number) => ({ number, ...DATA.trials[number] }));
  for (const button of document.querySelectorAll("button.cell")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.cell) === identifier));
  }
  document.getElementById("detail-title").textContent = cell.title;
  document.getElementById("detail-told").textContent = cell.told;
  const leftOut = document.getElementById("detail-left-out");
  leftOut.textContent = leftOutWords(trials);
  leftOut.hidden = !leftOut.textContent;
  detail.hidden = false;
  showTrials(trials, trials.find((trial) => trial.curves));
  detail.scrollIntoView({ block: "nearest", behavior: "auto" });
}

for (const button of document.querySelectorAll("[data-cell]")) {
  button.addEventListener("click", () => showCell(Number(button.dataset.cell)));
}
