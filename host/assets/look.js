/*
 * What the pages share that this program makes, the live one (ops/page) and reports (tearsheet): texts
 * for people, elements, and charts. Behind the chart library, in one file with it.
 *
 * Nothing that comes from outside is ever markup: elements are made here, and texts set as texts.
 */
const look = (() => {
"use strict";
const byId = (id) => document.getElementById(id);

/* ---- texts ---- */

const NONE = "–";
const whole = new Intl.NumberFormat(undefined, {maximumFractionDigits: 0});
const short = new Intl.NumberFormat(undefined, {maximumSignificantDigits: 4});
const long = new Intl.NumberFormat(undefined, {maximumSignificantDigits: 8});
const clock = new Intl.DateTimeFormat(undefined, {hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit"});
const dated = new Intl.DateTimeFormat(undefined, {hourCycle: "h23", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit"});
const minutes = new Intl.DateTimeFormat(undefined, {hourCycle: "h23", hour: "2-digit", minute: "2-digit"});
const day = new Intl.DateTimeFormat(undefined, {month: "short", day: "2-digit"});
const isNumber = (value) => typeof value === "number" && isFinite(value);
const count = (value) => isNumber(value) && value >= 0 ? whole.format(value) : NONE;
const few = (value) => isNumber(value) ? short.format(value) : NONE;
const price = (value) => isNumber(value) ? long.format(value) : NONE;

function span(seconds) {
  if (!isNumber(seconds)) return NONE;
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
}

function frame(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds % 86400 === 0) return `${seconds / 86400} d`;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  if (seconds % 60 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}

/* ---- elements ---- */

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  for (const child of children)
    if (child !== null && child !== undefined) made.append(child);
  return made;
}

/* Local, and UTC for who points at it. */
function time(ms, format) {
  if (!isNumber(ms)) return document.createTextNode(NONE);
  const date = new Date(ms), utc = date.toISOString();
  return element("time", {datetime: utc, title: utc.replace("T", " ").replace("Z", " UTC")}, (format || dated).format(date));
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* Brings a table's body up to date: each row is a list of {text, class, state, head}. */
function setRows(body, rows, columns, nothing) {
  if (rows.length === 0) {
    body.replaceChildren(element("tr", {class: "none"}, element("td", {colspan: columns}, nothing)));
    return;
  }
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  rows.forEach((cells, index) => {
    let row = body.rows[index];
    const isOther = !row || row.cells.length !== cells.length || row.className === "none";
    if (isOther) {
      const made = element("tr", {}, ...cells.map((cell) => {
        const td = element(cell.head ? "th" : "td", cell.head ? {scope: "row"} : {});
        if (cell.state) td.append(element("span", {}));
        return td;
      }));
      if (row) row.replaceWith(made); else body.append(made);
      row = made;
    }
    cells.forEach((cell, at) => setCell(row.cells[at], cell));
  });
}

function setCell(td, cell) {
  const name = cell.class || "";
  if (td.className !== name) td.className = name;
  if (cell.title !== undefined && td.title !== cell.title) td.title = cell.title;
  if (!cell.state) return setText(td, cell.text);
  const mark = td.firstElementChild || td.appendChild(element("span", {}));
  const state = `state ${cell.state}`;
  if (mark.className !== state) mark.className = state;
  setText(mark, cell.text);
}

const number = (text) => ({text, class: "n"});
const head = (text) => ({text, head: true});

/* ---- charts ---- */

/* The library's own legend sets styles in a way that the page's policy refuses; it is not used. */
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

const palette = () => {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
};

function chart(place, labels, colors, options) {
  const color = palette();
  const made = new Dygraph(place, [[new Date(0), ...labels.slice(1).map(() => null)]], {
    labels, colors: colors.map(color), legend: "never", strokeWidth: 1.6,
    gridLineColor: color("--grid"), axisLineColor: color("--grid"), axisLabelWidth: 58, axisLabelFontSize: 11,
    highlightCircleSize: 3, fillAlpha: 0.12, rightGap: 8, xRangePad: 0,
    axes: {x: {pixelsPerLabel: 76, axisLabelFormatter: axisTime}, y: {pixelsPerLabel: 34, axisLabelFormatter: (value) => few(value)}},
    interactionModel: {}, ...options,
  });
  place.style.width = place.style.height = ""; /* which it gives to one that is hidden */
  return made;
}

function axisTime(date) {
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  return (isMidnight ? day : date.getSeconds() !== 0 ? clock : minutes).format(date);
}

/* A triangle below or above its point, pointing to where the signal points. */
function marker(direction) {
  return (graph, name, context, x, y, color, size) => {
    const tip = y + direction * 5, base = tip + direction * size * 1.7;
    context.beginPath();
    context.moveTo(x, tip);
    context.lineTo(x - size, base);
    context.lineTo(x + size, base);
    context.closePath();
    context.fillStyle = color;
    context.fill();
  };
}

function dot(graph, name, context, x, y, color, size) {
  context.beginPath();
  context.arc(x, y, size * 0.7, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
}

/* Columns time, price, up, down and flat: signals stand on the line, by where they point. */
function priceChart(place, options) {
  const signals = (draw) => ({strokeWidth: 0, drawPoints: true, pointSize: 6, drawPointCallback: draw, drawHighlightPointCallback: draw});
  return chart(place, ["time", "price", "up", "down", "flat"], ["--c1", "--up", "--down", "--soft"], {
    connectSeparatedPoints: true, axisLabelWidth: 70,
    axes: {x: {pixelsPerLabel: 90, axisLabelFormatter: axisTime}, y: {pixelsPerLabel: 40, axisLabelFormatter: price}},
    series: {up: signals(marker(1)), down: signals(marker(-1)), flat: signals(dot)},
    xRangePad: 12, yRangePad: 16, ...options,
  });
}

return {byId, NONE, whole, few, price, count, span, frame, isNumber, clock, dated,
  element, time, setText, setRows, number, head, chart, priceChart, axisTime};
})();
