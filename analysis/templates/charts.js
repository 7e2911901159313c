"use strict";
// Line charts in SVG. Names come from the user's configuration, so texts are never set as markup.

const SIZE = { width: 460, height: 250, left: 52, right: 12, top: 10, bottom: 34 };

function element(name, attributes = {}, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}

function html(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function shortNumber(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-3) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

// Ticks have a minimum distance, since there is nothing between two updates or time steps.
function evenTicks(low, high, count, least = 0) {
  const rough = Math.max((high - low) / count, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step); tick * step <= high + step * 1e-9; tick += 1) ticks.push(tick * step);
  return ticks;
}

// Powers of ten and, if there are few, also 2 and 5 times these.
function logTicks(low, high) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const every = Math.ceil((last - first) / 7);
  const ticks = [];
  for (let power = first; power <= last; power += every) ticks.push(...factors.map((factor) => factor * 10 ** power));
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return inside.length > 1 ? inside : evenTicks(low, high, 4);
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

// What can be drawn: finite, and above zero on a log axis.
function drawable(value, log) {
  return value !== null && value !== undefined && (!log || value > 0);
}

// Draws curves {name, xs, ys, colour, dashed, chosen, className} and levels {name, value, isFloor}: a floor is named
// at the left and below its line, away from the others.
function lineChart({ title, unit, xName, log, curves, levels = [], keys = [], empty }) {
  const figure = html("figure", { className: "chart" });
  figure.append(html("figcaption", {}, title, html("span", { className: "unit" }, unit ? ` ${unit}` : "")));
  const xs = curves.flatMap((curve) => curve.xs.filter((_, index) => drawable(curve.ys[index], log)));
  const shownLevels = levels.filter((level) => drawable(level.value, log));
  const ys = curves.flatMap((curve) => curve.ys.filter((value) => drawable(value, log)));
  if (!ys.length) {
    figure.append(html("p", { className: "hint" }, empty));
    return figure;
  }
  const [xLow, xHigh] = widened(extent(xs), false);
  const [yLow, yHigh] = widened(extent(ys.concat(shownLevels.map((level) => level.value))), log);
  const x = (value) => SIZE.left + ((value - xLow) / (xHigh - xLow)) * (SIZE.width - SIZE.left - SIZE.right);
  const scale = log ? Math.log10 : (value) => value;
  const y = (value) =>
    SIZE.height - SIZE.bottom -
    ((scale(value) - scale(yLow)) / (scale(yHigh) - scale(yLow))) * (SIZE.height - SIZE.top - SIZE.bottom);

  const svg = element("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": title });
  const [right, bottom] = [SIZE.width - SIZE.right, SIZE.height - SIZE.bottom];
  for (const tick of log ? logTicks(yLow, yHigh) : evenTicks(yLow, yHigh, 5)) {
    svg.append(element("line", { class: "tick", x1: SIZE.left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(element("text", { x: SIZE.left - 6, y: y(tick) + 4, "text-anchor": "end" }, shortNumber(tick)));
  }
  for (const tick of evenTicks(xLow, xHigh, 5, 1)) {
    svg.append(element("line", { class: "tick", x1: x(tick), x2: x(tick), y1: SIZE.top, y2: bottom }));
    svg.append(element("text", { x: x(tick), y: bottom + 15, "text-anchor": "middle" }, tick.toLocaleString("en")));
  }
  const frame = { x: SIZE.left, y: SIZE.top, width: right - SIZE.left, height: bottom - SIZE.top };
  svg.append(element("rect", { class: "frame", ...frame }));
  svg.append(element("text", { x: (SIZE.left + right) / 2, y: SIZE.height - 3, "text-anchor": "middle" }, xName));
  for (const level of shownLevels) {
    svg.append(element("line", { class: "level", x1: SIZE.left, x2: right, y1: y(level.value), y2: y(level.value) }));
    const above = level.isFloor ? y(level.value) + 16 > bottom : y(level.value) - 4 > SIZE.top + 10;
    const attributes = {
      class: "level-name", x: level.isFloor ? SIZE.left + 4 : right - 4, y: y(level.value) + (above ? -4 : 13),
      "text-anchor": level.isFloor ? "start" : "end",
    };
    svg.append(element("text", attributes, level.name));
  }
  // The chosen curves are drawn last, above the others.
  for (const curve of [...curves].sort((a, b) => Boolean(a.chosen) - Boolean(b.chosen))) drawCurve(svg, curve, x, y, log);
  figure.append(svg, readOut(svg, curves, x, y, log, xName));
  if (keys.length) {
    figure.append(html("p", { className: "key" }, ...keys.map(({ name, colour, dashed }) => {
      const mark = html("i", { className: dashed ? "dashed" : "" });
      mark.style.borderColor = colour;
      return html("span", {}, mark, name);
    })));
  }
  figure.append(valuesTable(title, xName, curves));
  return figure;
}

// A line that says the value of the curve's point next to the pointer.
function readOut(svg, curves, x, y, log, xName) {
  const points = curves.flatMap((curve) => curve.xs.flatMap((value, index) => (
    drawable(curve.ys[index], log) ? [{ name: curve.name, at: value, value: curve.ys[index], x: x(value), y: y(curve.ys[index]) }] : []
  )));
  const line = html("p", { className: "read-out" });
  const mark = element("g", { class: "reading", visibility: "hidden" });
  const [rule, dot] = [element("line", { y1: SIZE.top, y2: SIZE.height - SIZE.bottom }), element("circle", { r: 4 })];
  mark.append(rule, dot);
  svg.append(mark);
  svg.addEventListener("pointermove", (event) => {
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const distance = (point) => (point.x - place.x) ** 2 + (point.y - place.y) ** 2;
    const nearest = points.reduce((best, point) => (distance(point) < distance(best) ? point : best));
    for (const end of ["x1", "x2"]) rule.setAttribute(end, nearest.x);
    dot.setAttribute("cx", nearest.x);
    dot.setAttribute("cy", nearest.y);
    mark.setAttribute("visibility", "visible");
    line.textContent = `${nearest.name}: ${exactNumber(nearest.value)} (${xName} ${nearest.at.toLocaleString("en")})`;
  });
  svg.addEventListener("pointerleave", () => {
    mark.setAttribute("visibility", "hidden");
    line.textContent = "";
  });
  return line;
}

function exactNumber(value) {
  return Math.abs(value) >= 1e4 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

// The numbers behind a chart, made when they are asked for.
function valuesTable(title, xName, curves) {
  const details = html("details", { className: "values" }, html("summary", {}, "the numbers"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    const places = [...new Set(curves.flatMap((curve) => curve.xs))].sort((a, b) => a - b);
    const byPlace = curves.map((curve) => new Map(curve.xs.map((at, index) => [at, curve.ys[index]])));
    const head = html("tr", {}, ...[xName, ...curves.map((curve) => curve.name)].map((name) => html("th", { scope: "col" }, name)));
    const rows = places.map((at) => html("tr", {}, html("th", { scope: "row" }, at.toLocaleString("en")), ...byPlace.map((values) => {
      const value = values.get(at);
      return html("td", {}, value === null || value === undefined ? "" : exactNumber(value));
    })));
    const region = html("div", { className: "scroll", tabIndex: 0 }, html("table", { className: "list" }, html("thead", {}, head), html("tbody", {}, ...rows)));
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", `the numbers of: ${title}`);
    details.append(region);
  });
  return details;
}

function widened([low, high], log) {
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

// A curve has a gap where it is not finite; an isolated point is drawn as a dot.
function drawCurve(svg, curve, x, y, log) {
  const runs = [[]];
  curve.xs.forEach((value, index) => {
    if (drawable(curve.ys[index], log)) runs.at(-1).push([x(value), y(curve.ys[index])]);
    else if (runs.at(-1).length) runs.push([]);
  });
  const group = element("g");
  group.append(element("title", {}, curve.name));
  for (const points of runs.filter((run) => run.length)) {
    if (points.length === 1) {
      const [cx, cy] = points[0];
      group.append(element("circle", { class: "point", cx, cy, r: 3, style: `fill: ${curve.colour}` }));
      continue;
    }
    const path = points.map(([px, py], index) => `${index ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
    const name = ["curve", curve.dashed && "dashed", curve.chosen && "chosen"].filter(Boolean).join(" ");
    group.append(element("path", { class: name, d: path, style: `stroke: ${curve.colour}` }));
  }
  svg.append(group);
}
