/*
 * The live page: shows what the host sends over server-sent events (ops/page/page_stream.c).
 *
 * Nothing that comes from outside is ever markup: elements are made here, and texts set as texts.
 */
"use strict";
(() => {
const {byId, NONE, whole, few, price, count, span, frame, isNumber, clock, dated,
  element, time, setText, setRows, number, head, chart, priceChart, axisTime} = look;
const SIGNALS_SHOWN = 20, SYMBOL_SIGNALS_SHOWN = 100, SERIES_SHOWN = 12, SERIES_POINTS = 256;
const HISTORY_MS = 15 * 60 * 1000, SHOWN_MS = 2 * 60 * 1000, STALE_MS = 5000, RETRY_MS = 3000;

const stateOf = (word) => word === "running" || word === "ok" ? "ok" : word === "fail" || word === "refused" ? "fail" : "warn";

/* What lies beyond the last bucket is not known closer. */
const latency = (ms) => !isNumber(ms) ? NONE : ms >= 60000 ? "> 60 000" : few(ms);

/* ---- what is known ---- */

const known = {
  state: null, setup: [], symbols: new Map(), history: [], signals: [],
  view: "overview", symbol: null, frame: null,
  quotes: new Map(), /* time frame -> [[ms, price], ...] */
  symbolSignals: [],
  published: new Map(), /* key -> {deployment, name, frame, points: [[ms, value], ...]} */
  more: 0, /* published series that the host did not send */
};

/* ---- charts ---- */

let charts = null;
const seriesCharts = new Map(); /* key -> {figure, chart, one} */

/* A chart in a section that is hidden has no size until that is shown. */
const sizes = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const all = [...Object.values(charts || {}), ...[...seriesCharts.values()].map((each) => each.chart)];
    const one = all.find((each) => each.maindiv_ === entry.target);
    if (one && entry.contentRect.width > 0) one.resize();
  }
});

function makeCharts() {
  for (const one of Object.values(charts || {})) one.destroy();
  for (const key of [...seriesCharts.keys()]) removeSeriesChart(key);
  charts = {
    rate: chart(byId("chart-rate"), ["time", "rate"], ["--c1"], {includeZero: true, fillGraph: true}),
    lag: chart(byId("chart-lag"), ["time", "lag"], ["--c3"], {includeZero: true, fillGraph: true}),
    latency: chart(byId("chart-latency"), ["time", "p50", "p99"], ["--c1", "--c2"], {includeZero: true}),
    price: priceChart(byId("chart-price"), {highlightCallback: (event, x, points) => readPrice(x, points), unhighlightCallback: () => readPrice(null, [])}),
  };
  for (const place of document.querySelectorAll(".chart")) { sizes.unobserve(place); sizes.observe(place); }
  drawHistory();
  drawPrice();
}

function drawHistory() {
  if (!charts || known.view !== "overview") return;
  const now = known.history.length > 0 ? known.history[known.history.length - 1][0] : Date.now();
  const first = known.history.length > 0 ? known.history[0][0] : now;
  const range = [Math.min(first, now - SHOWN_MS), now];
  const pick = (...at) => known.history.length === 0 ? [[new Date(now), ...at.map(() => null)]] :
    known.history.map((moment) => [new Date(moment[0]), ...at.map((index) => moment[index])]);
  charts.rate.updateOptions({file: pick(1), dateWindow: range});
  charts.lag.updateOptions({file: pick(2), dateWindow: range});
  charts.latency.updateOptions({file: pick(3, 4), dateWindow: range});
}

/* Signals without a price stand where the price was. */
function priceAt(points, ms) {
  let found = null;
  for (const point of points) {
    if (point[0] > ms) break;
    found = point[1];
  }
  return found !== null ? found : points.length > 0 ? points[0][1] : null;
}

const timeOf = (signal) => signal.event_time_ns / 1e6;
const isOfFrame = (signal) => signal.time_frame === undefined || signal.time_frame === known.frame;

function drawPrice() {
  if (!charts || known.view !== "symbol") return;
  const points = known.quotes.get(known.frame) || [];
  const rows = new Map(points.map((point) => [point[0], [new Date(point[0]), point[1], null, null, null]]));
  const from = points.length > 0 ? points[0][0] : 0;
  for (const signal of known.symbolSignals) {
    const ms = Math.round(timeOf(signal));
    if (ms < from || !isOfFrame(signal)) continue;
    const value = isNumber(signal.price) ? signal.price : priceAt(points, ms);
    if (value === null) continue;
    const row = rows.get(ms) || [new Date(ms), null, null, null, null];
    row[signal.value > 0 ? 2 : signal.value < 0 ? 3 : 4] = value;
    rows.set(ms, row);
  }
  const file = [...rows.values()].sort((a, b) => a[0] - b[0]);
  charts.price.updateOptions({file: file.length > 0 ? file : [[new Date(), null, null, null, null]]});
  byId("chart-price").dataset.points = points.length;
  byId("chart-price").dataset.signals = file.filter((row) => row.slice(2).some((mark) => mark !== null)).length;
  const last = points[points.length - 1];
  byId("chart-price").setAttribute("aria-label", last ? `Price of ${known.symbol}, ${frame(known.frame)}: ${price(last[1])}` : "No price yet");
  setText(byId("price-note"), points.length > 0 ? "▲ ▼ ● signals by the sign of their value. The newest price four times a second at most; by event time." :
    known.symbol ? "No price with a time frame has come for this symbol yet." : "");
  readPrice(null, []);
  drawPublished();
}

function readPrice(x, points) {
  const caption = byId("price-caption"), all = known.quotes.get(known.frame) || [], last = all[all.length - 1];
  const shown = points.find((point) => point.name === "price") || (x === null && last ? {xval: last[0], yval: last[1]} : null);
  const parts = [known.symbol || "Price"];
  if (known.frame) parts.push(element("span", {class: "unit"}, frame(known.frame)));
  if (shown) parts.push(element("strong", {}, price(shown.yval)), element("span", {class: "unit"}, time(shown.xval)));
  caption.replaceChildren(...parts.flatMap((part) => [part, " "]));
}

/* ---- published series ---- */

/* Of the time frame that is shown, and of none. */
function publishedShown() {
  return [...known.published].filter(([, one]) => one.frame === 0 || one.frame === known.frame)
    .map(([key, one]) => ({key, ...one}))
    .sort((a, b) => a.deployment < b.deployment ? -1 : a.deployment > b.deployment ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : a.frame - b.frame);
}

function removeSeriesChart(key) {
  const one = seriesCharts.get(key);
  seriesCharts.delete(key);
  sizes.unobserve(one.chart.maindiv_);
  one.chart.destroy();
  one.figure.remove();
}

function addSeriesChart(key) {
  const place = element("div", {class: "chart low", role: "img"});
  const figure = element("figure", {}, element("figcaption"), place);
  byId("published-charts").append(figure); /* it has no size before */
  const made = {figure, chart: chart(place, ["time", "value"], ["--c3"], {
    axes: {x: {pixelsPerLabel: 90, axisLabelFormatter: axisTime}, y: {pixelsPerLabel: 26, axisLabelFormatter: few}},
    axisLabelWidth: 70, yRangePad: 6,
    highlightCallback: (event, x, points) => readSeries(key, points[0]), unhighlightCallback: () => readSeries(key, null),
  })};
  seriesCharts.set(key, made);
  sizes.observe(place);
  return made;
}

function readSeries(key, point) {
  const made = seriesCharts.get(key), one = made.one;
  const last = one.points[one.points.length - 1], at = point ? [point.xval, point.yval] : last;
  const by = one.frame > 0 ? `${one.deployment}, ${frame(one.frame)}` : one.deployment;
  const hasAny = one.points.some(([, value]) => isNumber(value));
  made.figure.firstElementChild.replaceChildren(one.name, " ", element("span", {class: "unit"}, by), " ",
    hasAny ? element("strong", {}, price(at[1])) : element("span", {class: "unit"}, "no value yet"), " ", element("span", {class: "unit"}, time(at[0])));
  made.chart.maindiv_.setAttribute("aria-label", `${one.name} of ${by}: ${isNumber(last[1]) ? price(last[1]) : "no value"}`);
}

/* On the time axis of the price, as long as there is one. */
function drawSeriesChart(one, range) {
  const made = seriesCharts.get(one.key) || addSeriesChart(one.key);
  made.one = one;
  made.chart.updateOptions({file: one.points.map(([ms, value]) => [new Date(ms), value]), dateWindow: range});
  made.figure.dataset.series = one.name;
  made.figure.dataset.deployment = one.deployment;
  made.chart.maindiv_.dataset.points = one.points.length;
  readSeries(one.key, null);
}

function drawPublished() {
  if (!charts || known.view !== "symbol") return;
  const all = publishedShown(), drawn = all.slice(0, SERIES_SHOWN), keys = new Set(drawn.map((one) => one.key));
  byId("published").hidden = known.published.size === 0;
  const range = (known.quotes.get(known.frame) || []).length > 1 ? charts.price.xAxisRange() : null;
  for (const key of [...seriesCharts.keys()]) if (!keys.has(key)) removeSeriesChart(key);
  for (const one of drawn) drawSeriesChart(one, range);
  drawn.forEach((one, index) => {
    const {figure} = seriesCharts.get(one.key), place = byId("published-charts");
    if (place.children[index] !== figure) place.insertBefore(figure, place.children[index]);
  });
  showPublishedNote(all.length, drawn.length);
  setRows(byId("published-values"), all.map((one) => {
    const [ms, value] = one.points[one.points.length - 1], date = new Date(ms);
    return [head(one.name), {text: one.deployment}, number(one.frame > 0 ? frame(one.frame) : NONE), number(price(value)),
      {text: dated.format(date), title: date.toISOString().replace("T", " ").replace("Z", " UTC")}];
  }), 5, "None of this time frame.");
}

function showPublishedNote(all, drawn) {
  const others = known.published.size - all;
  setText(byId("published-note"), [all === 0 ? "None of this time frame." : "",
    all > drawn ? `${all - drawn} more of this time frame stand among the newest values.` : "",
    others > 0 ? `${others} of other time frames.` : "",
    known.more > 0 ? `${whole.format(known.more)} more are left out.` : ""].filter((text) => text).join(" "));
}

function takePublished(published) {
  if (published.whole) known.published = new Map();
  known.more = published.more;
  for (const [deployment, name, seconds, points] of published.series) {
    const key = JSON.stringify([deployment, name, seconds]);
    const before = known.published.get(key), all = new Map([...(before ? before.points : []), ...points]);
    known.published.set(key, {deployment, name, frame: seconds, points: [...all].sort((a, b) => a[0] - b[0]).slice(-SERIES_POINTS)});
  }
}

/* ---- the overview ---- */

const tiles = [
  (s, last) => ["Messages", few(last[1]), "1/s"],
  (s, last) => ["Lag", count(last[2]), "messages"],
  (s, last) => ["Latency p50", latency(last[3]), "ms"],
  (s, last) => ["Latency p99", latency(last[4]), "ms"],
  (s) => ["Signals", count(s.totals.signals), "since start"],
  (s) => ["Dead letters", count(s.totals.dead_letters), "since start"],
  (s, last, state) => ["Memory", few(state.memory_bytes / 1e6), "MB"],
  (s) => ["Uptime", span(s.uptime_s), ""],
];

function showTiles(state, stats) {
  const last = state.last[0] || [];
  const list = byId("tiles");
  while (list.children.length < tiles.length) list.append(element("div", {class: "tile"}, element("dt"), element("dd")));
  tiles.forEach((make, index) => {
    const [name, value, unit] = make(stats, last, state), tile = list.children[index];
    const text = `${value} ${unit}`;
    setText(tile.firstElementChild, name);
    if (tile.lastElementChild.textContent !== text)
      tile.lastElementChild.replaceChildren(value, " ", element("span", {class: "unit"}, unit));
  });
}

function showCondition(state, stats) {
  const ready = state.ready, pill = byId("condition");
  const failed = ready && (ready.checks || []).find((check) => check.status === "fail");
  const warned = ready && (ready.checks || []).find((check) => check.status === "warn");
  const isReady = ready && ready.status === "ready";
  pill.className = `pill ${isReady ? (warned ? "warn" : "ok") : "fail"}`;
  setText(pill, failed ? `not ready: ${failed.name}` : isReady && warned ? `ready, but: ${warned.name}` : ready ? ready.status : "no answer");
  pill.title = failed ? failed.detail : warned ? warned.detail : "";
  setText(byId("service"), stats.service || "take5");
  setText(byId("version"), state.version || "");
}

/* ---- shadows ---- */

const shadowState = (shadow) => shadow.stopped ? "too slow" : shadow.comparing ? "comparing" : "not level";
const sideText = (signal) => signal ? `${signal.name} ${signal.symbol} ${few(signal.value)} (${few(signal.confidence)})` : "nothing";

function differenceCell(difference) {
  if (!difference) return {text: ""};
  const {original, shadow} = difference, either = original || shadow;
  const where = `${either.topic}/${either.partition}/${either.offset}`;
  return {text: `${sideText(original)} → ${sideText(shadow)}`, title: `${where}\noriginal: ${JSON.stringify(original)}\nshadow: ${JSON.stringify(shadow)}`};
}

function showShadows(strategies) {
  const shadows = strategies.filter((s) => s.shadow);
  byId("shadows-card").hidden = shadows.length === 0;
  setRows(byId("shadows"), shadows.map(({name, shadow}) => [
    head(name), {text: shadow.of}, {text: shadowState(shadow), state: shadow.comparing ? "ok" : "warn"}, number(count(shadow.same)), number(count(shadow.changed)),
    number(count(shadow.only_original)), number(count(shadow.only_shadow)), differenceCell(shadow.differences[0])]), 8, "");
}

const rank = {fail: 0, warn: 1, ok: 2};

function showTables(state, stats) {
  setRows(byId("strategies"), (stats.strategies || []).map((s) => [
    head(s.name), {text: s.version}, {text: s.state === "suspended" && s.catching_up > 0 ? "catching up" : s.state, state: stateOf(s.state), title: s.why || s.last_error || ""},
    number(count(s.messages)), number(count(s.signals)), number(count(s.errors)), number(few(s.p50_us)), number(few(s.p99_us))]), 8, "No strategy runs.");
  showShadows(stats.strategies || []);
  const checks = [...((state.ready && state.ready.checks) || [])].sort((a, b) => rank[a.status] - rank[b.status]);
  setRows(byId("checks"), checks.map((c) => [{text: c.status, state: stateOf(c.status)}, head(c.worker ? `${c.name} (${c.worker})` : c.name), {text: c.detail}]), 3, "Not known yet.");
  setRows(byId("bad"), Object.entries(stats.totals.bad_by_reason || {}).map(([reason, n]) => [head(reason), number(count(n))]), 2, "None.");
  const of = (item) => item.worker ? ` (${item.worker})` : "";
  setRows(byId("lag"), (stats.lag || []).map((l) => [head(l.topic + of(l)), number(String(l.partition)), number(count(l.lag)), number(count(l.committed))]), 4, "No partition is assigned.");
  setRows(byId("lanes"), (stats.lanes || []).map((l) => [head((l.worker ? `${l.worker} ` : "") + l.lane), number(count(l.partitions)), number(count(l.messages)), number(count(l.unconfirmed))]), 4, "None.");
  setRows(byId("sinks"), (stats.sinks || []).map((s) => [head(`${s.name}, ${s.for}${of(s)}`), {text: s.ok ? "ok" : s.detail || "failing", state: s.ok ? "ok" : "fail"}, number(count(s.confirmed)), number(count(s.queued))]), 4, "None.");
}

function showReload(reload) {
  const text = JSON.stringify(reload || null), box = byId("reload");
  if (box.dataset.shown === text) return;
  box.dataset.shown = text;
  const faults = ((reload && reload.faults) || []).map((fault) => element("li", {class: "fail"}, fault));
  const lines = ((reload && reload.deployments) || []).map((line) => element("li", {}, element("strong", {}, line.name), ` ${line.outcome} ${line.detail || ""}`));
  const list = element("ul", {class: "report"}, ...faults, ...lines);
  if (reload && isNumber(reload.took_ms)) list.append(element("li", {class: "unit"}, `took ${few(reload.took_ms)} ms, pause ${few(reload.pause_ms)} ms`));
  box.replaceChildren(list);
}

function signalRow(signal) {
  return element("tr", {}, element("td", {}, time(timeOf(signal))), element("th", {scope: "row"}, symbolLink(signal.symbol)),
    element("td", {}, signal.name), element("td", {}, signal.deployment),
    element("td", {class: `n ${signal.value < 0 ? "down" : "up"}`}, few(signal.value)), element("td", {class: "n"}, few(signal.confidence)));
}

function symbolLink(symbol) {
  return symbol ? element("a", {href: `#symbol/${encodeURIComponent(symbol)}`}, symbol) : NONE;
}

/* Newest first; rows that are there stay. */
function addRows(body, rows, most) {
  if (body.querySelector(".none")) body.replaceChildren();
  for (const row of rows) body.prepend(row);
  while (body.rows.length > most) body.lastElementChild.remove();
}

/* ---- a symbol ---- */

function dataCell(data) {
  if (data === null || data === undefined) return element("td", {}, "");
  const entries = Object.entries(data).filter(([, value]) => typeof value !== "object");
  const text = entries.slice(0, 3).map(([name, value]) => `${name} ${isNumber(value) ? few(value) : value}`).join(", ");
  return element("td", {}, element("details", {}, element("summary", {}, text || "show"), element("pre", {}, JSON.stringify(data, null, 1))));
}

function symbolSignalRow(signal) {
  return element("tr", {}, element("td", {}, time(timeOf(signal))), element("th", {scope: "row"}, signal.name), element("td", {}, signal.deployment),
    element("td", {class: "n"}, frame(signal.time_frame)), element("td", {class: "n"}, price(signal.price)),
    element("td", {class: `n ${signal.value < 0 ? "down" : "up"}`}, few(signal.value)), element("td", {class: "n"}, few(signal.confidence)), dataCell(signal.data));
}

function showSymbols() {
  const names = [...known.symbols.keys()].sort(), more = known.state ? known.state.series : 0;
  byId("symbols").replaceChildren(...names.map((name) => element("option", {value: name})));
  byId("symbol-list").replaceChildren(...names.map((name) => {
    const link = symbolLink(name);
    if (name === known.symbol) link.setAttribute("aria-current", "true");
    return element("li", {}, link);
  }));
  const series = [...known.symbols.values()].reduce((sum, frames) => sum + frames.length, 0);
  setText(byId("symbol-note"), names.length === 0 ? "No message with a symbol and a time frame yet." :
    more > series ? `The first ${series} of ${whole.format(more)} series; search for others by their whole name.` : "");
  showFrames();
}

function showFrames() {
  const published = [...known.published.values()].map((one) => one.frame).filter((seconds) => seconds > 0);
  const frames = [...new Set([...(known.symbols.get(known.symbol) || []), ...known.quotes.keys(), ...published])].sort((a, b) => a - b);
  const box = byId("frames");
  if (!frames.includes(known.frame) && frames.length > 0) known.frame = frames[0];
  const text = JSON.stringify([frames, known.frame]);
  if (box.dataset.shown === text) return;
  box.dataset.shown = text;
  const legend = box.firstElementChild;
  box.replaceChildren(legend, ...frames.map((seconds) => {
    const input = element("input", {type: "radio", name: "frame", value: seconds});
    input.checked = seconds === known.frame;
    input.addEventListener("change", () => { known.frame = seconds; box.dataset.shown = ""; showFrames(); drawPrice(); });
    return element("label", {}, input, element("span", {}, frame(seconds)));
  }));
}

function addQuotes(quotes) {
  for (const [seconds, ms, value] of quotes) {
    const points = known.quotes.get(seconds) || [];
    if (points.length === 0 || points[points.length - 1][0] < ms) points.push([ms, value]);
    if (points.length > 2048) points.splice(0, points.length - 2048);
    known.quotes.set(seconds, points);
  }
}

/* ---- strategies ---- */

const facts = [
  ["State", (s) => s.state], ["Why", (s) => s.why || s.missing_why || s.quarantine], ["Version", (s) => s.version && `${s.version}, generation ${s.generation}`],
  ["Shadow of", (s) => s.shadow && s.shadow.of], ["Scope", (s) => s.scope], ["Instances", (s) => count(s.instances)], ["Messages", (s) => count(s.messages)], ["Signals", (s) => count(s.signals)],
  ["Errors", (s) => count(s.errors)], ["Rejects", (s) => count(s.rejects)], ["Behind", (s) => s.behind > 0 ? `${count(s.behind)} messages` : ""],
  ["A message takes", (s) => `p50 ${few(s.p50_us)} µs, p99 ${few(s.p99_us)} µs`], ["Worker", (s) => s.worker], ["Differs from disk", (s) => s.differs], ["Last error", (s) => s.last_error],
];

function setupCard(one) {
  const parameters = element("tbody");
  setRows(parameters, one.parameters.map((p) => [head(p.name), {text: p.value === null ? NONE : p.value, class: p.value !== p.default ? "changed" : ""},
    {text: p.default === null ? "required" : p.default}, {text: [p.min, p.max].some((x) => x !== null) ? `${p.min === null ? "" : p.min} … ${p.max === null ? "" : p.max}` : ""}, {text: p.help || ""}]), 5, "It has none.");
  const titles = ["Parameter", "Value", "Default", "Range", "Help"].map((title) => element("th", {scope: "col"}, title));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...titles)), parameters);
  const made = element("article", {class: "card", "data-name": one.name},
    element("h2", {}, one.name, " ", element("span", {class: "unit"}, one.strategy === one.name ? "" : one.strategy)), element("p", {}, one.summary || ""),
    element("dl", {class: "facts"}), element("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": `Parameters of ${one.name}`}, table));
  const lists = [["Topics", one.topics], ["Fields", one.fields], ["Series", one.series], ["Symbols", one.symbols]].filter(([, list]) => list && list.length > 0);
  for (const [title, list] of lists)
    made.append(element("h3", {}, title), element("ul", {class: "chips", "data-list": title}, ...list.map((item) => element("li", {}, element("code", {}, typeof item === "string" ? item : fieldText(item))))));
  return made;
}

/* Of messages that were looked at: the first of each batch. */
const fieldText = (field) => field.sampled > 0 ? `${field.path}: absent ${few(100 * field.absent / field.sampled)} %` : field.path;

/* Made anew when something else than counts is different. */
function showSetup() {
  const shape = JSON.stringify(known.setup, (key, value) => key === "absent" || key === "sampled" ? undefined : value);
  if (byId("setup").dataset.shape === shape) return showFields();
  byId("setup").dataset.shape = shape;
  byId("setup").replaceChildren(...known.setup.map(setupCard));
  if (known.setup.length === 0) byId("setup").append(element("p", {class: "hint"}, "No strategy runs."));
  showFacts();
}

function showFields() {
  for (const one of known.setup) {
    const card = [...byId("setup").children].find((each) => each.dataset.name === one.name);
    const marks = card ? card.querySelectorAll("[data-list=Fields] code") : [];
    one.fields.forEach((field, index) => { if (marks[index]) setText(marks[index], fieldText(field)); });
  }
}

function showFacts() {
  const all = new Map(((known.state && known.state.stats && known.state.stats.strategies) || []).map((s) => [s.name, s]));
  for (const card of byId("setup").querySelectorAll("article[data-name]")) {
    const strategy = all.get(card.dataset.name), list = card.querySelector(".facts");
    if (!strategy || !list) continue;
    const shown = facts.map(([name, make]) => [name, make(strategy)]).filter(([, value]) => value);
    while (list.children.length > shown.length) list.lastElementChild.remove();
    while (list.children.length < shown.length) list.append(element("div", {}, element("dt"), element("dd")));
    shown.forEach(([name, value], index) => {
      setText(list.children[index].firstElementChild, name);
      const dd = list.children[index].lastElementChild;
      setText(dd, value);
      dd.className = name === "State" ? `state ${stateOf(strategy.state)}` : name === "Last error" ? "fail" : "";
    });
  }
}

/* ---- frames ---- */

function take(message, isReset) {
  if (isReset) {
    known.history = [];
    known.signals = [];
    known.symbolSignals = [];
    known.quotes = new Map();
    known.published = new Map();
    byId("signals").replaceChildren();
    byId("symbol-signals").replaceChildren();
  }
  if (message.symbols) known.symbols = new Map(message.symbols);
  if (message.setup) known.setup = message.setup;
  takeHistory(message.history);
  addQuotes(message.quotes);
  takeSignals(message.signals, isReset);
  if (message.published) takePublished(message.published);
  if (message.state) known.state = message.state;
  if (message.state || isReset) showState();
  if (message.setup) showSetup();
  if (message.symbols || isReset) showSymbols();
  if (message.quotes.length > 0 || message.signals.length > 0 || message.published || isReset) { showFrames(); drawPrice(); }
}

function takeHistory(moments) {
  known.history.push(...moments);
  const from = known.history.length > 0 ? known.history[known.history.length - 1][0] - HISTORY_MS : 0;
  while (known.history.length > 0 && known.history[0][0] < from) known.history.shift();
  if (moments.length > 0) drawHistory();
}

function takeSignals(signals, isReset) {
  if (known.symbol !== null && streamed === known.symbol) {
    known.symbolSignals.push(...signals);
    if (known.symbolSignals.length > 1000) known.symbolSignals.splice(0, known.symbolSignals.length - 1000);
    addRows(byId("symbol-signals"), signals.map(symbolSignalRow), SYMBOL_SIGNALS_SHOWN);
    if (isReset && signals.length === 0) setRows(byId("symbol-signals"), [], 8, "No signal yet.");
  } else {
    addRows(byId("signals"), signals.slice(-SIGNALS_SHOWN).map(signalRow), SIGNALS_SHOWN);
    if (isReset && signals.length === 0) setRows(byId("signals"), [], 6, "No signal yet.");
  }
}

function showState() {
  const state = known.state, stats = state && state.stats;
  if (!stats || !stats.totals) return;
  showCondition(state, stats);
  showTiles(state, stats);
  showTables(state, stats);
  showReload(stats.last_reload);
  showFacts();
}

/* ---- the stream ---- */

let source = null, streamed = null, heardAt = 0, retry = null;

function tell(text, kind) {
  const link = byId("link");
  link.className = `link ${kind}`;
  setText(link, text);
}

function open() {
  clearTimeout(retry);
  if (source) source.close();
  streamed = known.view === "symbol" ? known.symbol : null;
  source = new EventSource(streamed !== null ? `events?symbol=${encodeURIComponent(streamed)}` : "events");
  const heard = (isReset) => (event) => {
    heardAt = Date.now();
    tell("live", "ok");
    take(JSON.parse(event.data), isReset);
  };
  source.addEventListener("reset", heard(true));
  source.addEventListener("message", heard(false));
  source.addEventListener("error", onError);
}

/* The browser tries again by itself, unless it was refused. */
function onError() {
  tell("reconnecting …", "warn");
  if (source.readyState !== EventSource.CLOSED) return;
  retry = setTimeout(whyRefused, RETRY_MS);
}

async function whyRefused() {
  const stop = new AbortController();
  try {
    const answer = await fetch("events", {signal: stop.signal});
    if (answer.status === 401) return location.reload();
    if (!answer.ok) tell((await answer.json()).message, "fail");
    const isOpen = answer.ok;
    stop.abort();
    if (isOpen) return open();
  } catch (error) { /* the host is away */ }
  retry = setTimeout(whyRefused, RETRY_MS);
}

function close() {
  clearTimeout(retry);
  if (source) source.close();
  source = null;
}

setInterval(() => {
  if (source && heardAt > 0 && Date.now() - heardAt > STALE_MS && source.readyState === EventSource.OPEN)
    tell(`no news since ${clock.format(new Date(heardAt))}`, "warn");
}, 1000);

/* ---- views ---- */

function go() {
  const [view, ...rest] = location.hash.replace(/^#/, "").split("/");
  const before = `${known.view === "symbol"}/${known.symbol}`;
  known.view = ["overview", "symbol", "strategies"].includes(view) ? view : "overview";
  if (known.view === "symbol") chooseSymbol(rest.join("/"));
  for (const section of document.querySelectorAll("[data-section]")) section.hidden = section.dataset.section !== known.view;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === known.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (source === null || before !== `${known.view === "symbol"}/${known.symbol}`) open();
  drawHistory();
  drawPrice();
  showSymbols();
}

function chooseSymbol(part) {
  let name = null;
  try { name = part ? decodeURIComponent(part) : null; } catch (error) { name = part; }
  if (name === null) name = known.symbol !== null ? known.symbol : [...known.symbols.keys()].sort()[0] || null;
  if (name === known.symbol) return;
  known.symbol = name;
  known.frame = null;
  known.quotes = new Map();
  known.published = new Map();
  known.symbolSignals = [];
  byId("symbol-signals").replaceChildren();
  byId("symbol").value = name || "";
}

/* The list of symbols may come after the view was chosen. */
function chooseLate() {
  if (known.view === "symbol" && known.symbol === null && known.symbols.size > 0) go();
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("symbol").value.trim();
  if (name) location.hash = `#symbol/${encodeURIComponent(name)}`;
});
addEventListener("hashchange", go);
document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", makeCharts);
for (const part of document.querySelectorAll("[data-script]")) part.hidden = false;
go();
makeCharts();
setInterval(chooseLate, 500);
})();
