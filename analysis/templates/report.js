const DATA = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["learned", "failed", "censored", "errored"];
const detail = document.getElementById("detail");
let shownCell = null;

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

// The losses that the loss chart can show; the choice is kept between cells.
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

// One of the two losses that every trial records, whichever one it trains.
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
  const labels = Object.fromEntries(offered.map((one) => [one, LOSSES[one]]));
  addChoice(chart, "loss", labels, name, (chosen) => {
    shownLoss = chosen;
    redraw();
  });
  return chart;
}

// Losses may be negative, where a log axis is impossible.
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

// Signals inside the network that its chart can show; the choice is kept between trials.
const INSIDES = {
  gradient: { title: "Gradient norm by layer", unit: "before clipping", log: true },
  spread: { title: "What is left of the input by layer", unit: "spread over sequences at the last step", log: true },
  memory: { title: "Memory by layer", unit: "steps until the gates let 1/e pass", log: true },
  gates: { title: "Gates", unit: "mean activation", log: false },
  labels: { title: "What labels carry of the gradient", unit: "cosine", log: false },
};
let shownInside = "gradient";

// Updates and values by name of one signal inside the network, or null if it was not recorded.
function inside(trial, name) {
  if (name === "gradient") return { update: trial.curves.update, values: trial.curves.by_layer };
  return name === "labels" ? trial.curves.labels : trial.curves.inside[name];
}

function insideChart(trial, redraw) {
  const offered = Object.keys(INSIDES).filter((name) => inside(trial, name));
  const name = offered.includes(shownInside) ? shownInside : "gradient";
  const { update, values } = inside(trial, name);
  const names = Object.keys(values);
  const curves = names.map((one, index) => ({
    name: one.replace(/_/g, " "), xs: update, ys: values[one], colour: rampColour(index, names.length), chosen: true,
  }));
  const { title, unit, log } = INSIDES[name];
  const chart = lineChart({
    title, unit: `trial ${trial.number}, ${unit}`, xName: "updates", log, curves, keys: curves,
    empty: "No gradient by layer was recorded.",
  });
  const labels = Object.fromEntries(offered.map((one) => [one, INSIDES[one].title]));
  addChoice(chart, "inside", labels, name, (chosen) => {
    shownInside = chosen;
    redraw();
  });
  return chart;
}

// Adds a choice of what a chart shows, if there is more than one option.
function addChoice(chart, kind, labels, shown, choose) {
  if (Object.keys(labels).length < 2) return;
  const choice = html("select", { ariaLabel: `which ${kind} is shown` }, ...Object.entries(labels).map(
    ([value, textContent]) => html("option", { value, textContent, selected: value === shown }),
  ));
  choice.dataset.kind = kind;
  choice.addEventListener("change", () => {
    choose(choice.value);
    document.querySelector(`#charts select[data-kind=${kind}]`).focus();
  });
  chart.querySelector("figcaption").append(" ", choice);
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
  if (chosen && chosen.curves) charts.append(insideChart(chosen, redraw), stepChart(chosen));
}

function showTrials(trials, chosen) {
  drawCharts(trials, chosen);
  const rows = trials.map((trial) => {
    const choose = html("button", { type: "button", className: "link" }, String(trial.number));
    choose.setAttribute("aria-label", `show the gradients of trial ${trial.number}`);
    choose.addEventListener("click", () => {
      showTrials(trials, trial);
      history.replaceState(null, "", `#cell-${shownCell}-trial-${trial.number}`);
      document.querySelector("#trials .chosen button").focus();
    });
    const cell = (value, className = "") => html("td", { className }, value === null ? "" : value);
    return html("tr", { className: trial === chosen ? "chosen" : "" }, html("td", {}, choose),
      cell(trial.seed), cell(trial.outcome, `outcome ${trial.outcome}`), cell(trial.best_score), cell(trial.updates),
      cell(trial.cause && causeDetails(trial.cause), "cause"),
      cell(trial.level_told ? unfolded(trial.level, trial.level_told) : trial.level, "level"), cell(trial.reason, "reason"),
      cell(trial.purpose), cell(trial.recipe));
  });
  document.getElementById("trials").hidden = !rows.length;
  document.querySelector("#trials tbody").replaceChildren(...rows);
}

function unfolded(summary, ...content) {
  return html("details", {}, html("summary", {}, summary), ...content);
}

function list(sentences) {
  return html("ul", {}, ...sentences.map((sentence) => html("li", {}, sentence)));
}

// A trial's cause, with its evidence if the page contains it.
function causeDetails(cause) {
  if (!cause.evidence) return cause.label;
  const details = unfolded(cause.label);
  if (cause.evidence.length) details.append(list(cause.evidence));
  details.append(html("p", { className: "hint" }, `rule: ${cause.rule}`));
  if (cause.others.length) details.append(html("p", { className: "hint" }, `or else: ${cause.others.join(", ")}`));
  return details;
}

// Why a cell's trials failed: the cause, its evidence, and the settings that separate those that learned.
function whyParts(why) {
  const parts = [html("p", {}, html("b", {}, why.told), `: ${why.meaning}`)];
  if (why.evidence.length) parts.push(list(why.evidence));
  if (why.others.length) parts.push(html("p", {}, `Other trials: ${why.others.join(", ")}.`));
  if (why.differences.length) {
    parts.push(html("p", {}, "Settings that separate learned from failed trials:"), list(why.differences));
  }
  return parts;
}

function leftOutWords(trials) {
  const missing = trials.filter((trial) => !trial.curves).map((trial) => trial.number);
  return missing.length ? `Without curves here (none recorded, or left out to keep this page small): trials ${missing.join(", ")}.` : "";
}

// Shows a cell, with one of its trials chosen. Who chooses a cell or a trial notes it in the address, for a link or a reload.
function showCell(identifier, number = null) {
  shownCell = identifier;
  const cell = DATA.cells[identifier];
  const trials = cell.trials.map((number) => ({ number, ...DATA.trials[number] }));
  for (const button of document.querySelectorAll("button.cell")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.cell) === identifier));
  }
  document.getElementById("detail-title").textContent = cell.title;
  document.getElementById("detail-told").textContent = cell.told;
  const why = document.getElementById("detail-why");
  why.hidden = !cell.why;
  why.replaceChildren(...(cell.why ? whyParts(cell.why) : []));
  const leftOut = document.getElementById("detail-left-out");
  leftOut.textContent = leftOutWords(trials);
  leftOut.hidden = !leftOut.textContent;
  detail.hidden = false;
  const chosen = trials.find((trial) => trial.number === number) || trials.find((trial) => trial.curves);
  showTrials(trials, chosen);
}

for (const button of document.querySelectorAll("[data-cell]")) {
  button.addEventListener("click", () => {
    const identifier = Number(button.dataset.cell);
    showCell(identifier);
    history.replaceState(null, "", `#cell-${identifier}`);
    detail.scrollIntoView({ block: "nearest", behavior: "auto" });
  });
}

function openFromAddress() {
  const [, cell, trial] = location.hash.match(/^#cell-(\d+)(?:-trial-(\d+))?$/) || [];
  const isKnown = cell !== undefined && DATA.cells[cell] !== undefined;
  if (isKnown) showCell(Number(cell), trial === undefined ? null : Number(trial));
  return isKnown;
}

window.addEventListener("hashchange", openFromAddress);
if (!openFromAddress() && document.body.dataset.first) showCell(Number(document.body.dataset.first));

// The map within fewer updates, as the slider stands. The texts were escaped when the page was made.
function showUpdates(index) {
  const shown = DATA.by_updates[index];
  document.getElementById("updates-shown").textContent = `${shown.updates.toLocaleString("en")} updates`;
  document.getElementById("counts").textContent = shown.counts;
  document.getElementById("criterion").textContent = shown.criterion;
  for (const [outcome, count] of Object.entries(shown.outcomes)) {
    document.querySelector(`.outcome.${outcome}`).textContent = `${count.toLocaleString("en")} ${outcome}`;
  }
  for (const button of document.querySelectorAll("button.cell")) {
    const cell = shown.cells[Number(button.dataset.cell)];
    button.className = cell.classes;
    button.setAttribute("style", cell.style);
    button.title = cell.label;
    button.innerHTML = cell.content;
  }
}

const slider = document.getElementById("updates");
if (slider) {
  slider.addEventListener("input", () => showUpdates(Number(slider.value)));
  // A browser may keep the slider's place when the page is loaded again.
  showUpdates(Number(slider.value));
}
