/*
 * A report: shows the data that stands in the page (tearsheet/tearsheet_put.c, commands/research/report_command.c).
 * Nothing of it is ever markup: elements are made by look.js, and texts set as texts.
 */
"use strict";
(() => {
const {byId, NONE, whole, few, price, count, span, frame, isNumber, element, time, setRows, number, head, chart, priceChart, axisTime} = look;

/* As `take5 evaluate` prints them. */
const percent = (share, digits) => isNumber(share) ? `${(share * 100).toFixed(digits)}%` : NONE;
const fixed = (value, digits) => isNumber(value) ? value.toFixed(digits) : NONE;

const data = JSON.parse(byId("data").textContent);
const evaluation = data.evaluation;

const unit = (...parts) => element("span", {class: "unit"}, ...parts);
const facts = (entries) => element("dl", {class: "facts"}, ...entries.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
const plural = (n, word) => `${whole.format(n)} ${word}${n === 1 ? "" : "s"}`;

function table(titles, rows, label, nothing) {
  const body = element("tbody"), cells = titles.map((title) => element("th", title.n ? {scope: "col", class: "n"} : {scope: "col"}, title.n || title));
  setRows(body, rows, titles.length, nothing || "None.");
  return element("div", {class: "scroll whole", tabindex: "0", role: "region", "aria-label": label}, element("table", {}, element("thead", {}, element("tr", {}, ...cells)), body));
}

/* ---- the head ---- */

function showHead() {
  const names = data.strategies.map((strategy) => strategy.name).join(", ");
  document.title = `${names} – take5 report`;
  byId("names").append(names);
  byId("version").append(data.version);
  byId("zone").append(Intl.DateTimeFormat().resolvedOptions().timeZone);
  const year = new Intl.DateTimeFormat(undefined, {hourCycle: "h23", year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit"});
  if (evaluation.prices > 0)
    byId("span").append("prices from ", time(evaluation.first_price_ns / 1e6, year), " to ", time(evaluation.last_price_ns / 1e6, year));
  const tiles = [
    ["Messages", whole.format(data.replay.messages), ""], ["Bad messages", whole.format(data.replay.bad), ""],
    ["Signals", whole.format(data.replay.signals), ""], ["Prices", whole.format(evaluation.prices), ""],
    ["Recorded time", span((evaluation.last_price_ns - evaluation.first_price_ns) / 1e9), ""],
    ["Cost, of what is traded", percent(evaluation.cost, 4), ""],
  ];
  byId("tiles").append(...tiles.map(([name, value, of]) => element("div", {class: "tile"}, element("dt", {}, name), element("dd", {}, value, " ", unit(of)))));
  byId("findings").hidden = data.findings.length === 0;
  byId("finding-list").append(...data.findings.map((finding) => element("li", {}, element("strong", {}, finding.deployment), ` ${finding.text}`)));
}

/* ---- the evaluation ---- */

function positions(deployment) {
  const held = deployment.positions;
  if (!held) return [element("p", {class: "hint"}, "No positions: the strategy declares no side.")];
  const by = deployment.side === "value" ? "the sign of the value" : "the number named side";
  const list = facts([["Profit", percent(held.profit, 4)], ["Largest drawdown", percent(held.drawdown, 4)], ["Sharpe ratio", fixed(held.sharpe, 2)],
    ["Trades", whole.format(held.trades)], ["Turnover", `${fixed(held.turnover, 1)} units`], ["Turnover a day", `${fixed(held.turnover_per_day, 1)} units`],
    ["Series held", whole.format(held.series)], ["Positions by", by]]);
  list.dataset.positions = deployment.name;
  return [list];
}

function returnRows(group) {
  return group.returns.map((returns) => [head(group.name), number(whole.format(group.signals)), {text: group.longs + group.shorts + group.flats > 0 ? `${group.longs} / ${group.shorts} / ${group.flats}` : NONE, class: "n"},
    number(frame(returns.horizon_s)), number(whole.format(returns.count)), number(percent(returns.hit_rate, 1)), number(percent(returns.mean, 4)),
    number(percent(returns.median, 4)), number(percent(returns.worst, 4))]);
}

function binRows(group) {
  const first = group.returns[0];
  return !first ? [] : first.calibration.map((bin, index) => [bin, index]).filter(([bin]) => bin.count > 0).map(([bin, index]) =>
    [head(group.name), number(`${(index / 10).toFixed(1)} to ${((index + 1) / 10).toFixed(1)}`), number(whole.format(bin.count)), number(percent(bin.hit_rate, 1)), number(fixed(bin.confidence, 3))]);
}

function showDeployment(deployment) {
  const card = element("div", {class: "card", "data-deployment": deployment.name}, element("h2", {class: "name"}, deployment.name, " ", unit(plural(deployment.signals, "signal"))));
  byId("evaluation").append(card); /* a chart in it needs a size */
  if (deployment.signals === 0) return;
  card.append(...positions(deployment));
  const equity = data.equity.find((one) => one.deployment === deployment.name);
  if (equity) card.append(...drawEquity(card, equity));
  const rows = deployment.names.flatMap(returnRows), bins = deployment.names.flatMap(binRows);
  card.append(element("h3", {}, "Returns after the signals"),
    table(["Signal", {n: "Count"}, {n: "Long / short / flat"}, {n: "After"}, {n: "Returns"}, {n: "Hits"}, {n: "Mean"}, {n: "Median"}, {n: "Worst"}], rows, `Returns of ${deployment.name}`));
  card.lastElementChild.dataset.returns = deployment.name;
  const horizon = deployment.names[0] && deployment.names[0].returns[0] ? frame(deployment.names[0].returns[0].horizon_s) : "";
  card.append(element("h3", {}, `Confidence against outcome, after ${horizon}`), table(["Signal", {n: "Confidence"}, {n: "Returns"}, {n: "Hits"}, {n: "Mean confidence"}], bins, `Calibration of ${deployment.name}`));
  card.lastElementChild.dataset.bins = deployment.name;
}

function drawEquity(card, equity) {
  const place = element("div", {class: "chart equity", role: "img", "aria-label": `Equity of ${equity.deployment} by event time`});
  const figure = element("figure", {}, element("figcaption", {}, "Equity ", unit("1 at the beginning, costs included", isThinned(equity) ? `; drawn: ${kept(equity)}` : "")), place);
  card.append(figure);
  const points = rowsOf(equity), first = [new Date(Math.min(evaluation.first_price_ns / 1e6, points.length > 0 ? points[0][0] : Infinity)), 1];
  const made = chart(place, ["time", "equity"], ["--c1"], {...zooming, stepPlot: true, axisLabelWidth: 70,
    axes: {x: {pixelsPerLabel: 90, axisLabelFormatter: axisTime}, y: {pixelsPerLabel: 40, axisLabelFormatter: price}}});
  made.updateOptions({file: [first, ...points]});
  watch(place, made);
  place.dataset.points = equity.points.length;
  return [figure];
}

/* ---- prices, signals and published series ---- */

/* Charts do not follow the width of their places by themselves; nothing waits for that when a page is
 * printed, which has the width of paper. */
const charts = new Map();
const sizes = new ResizeObserver((entries) => entries.forEach((entry) => charts.get(entry.target).resize()));

function watch(place, made) {
  charts.set(place, made);
  sizes.observe(place);
}

const resizeAll = () => charts.forEach((one) => one.resize());
addEventListener("beforeprint", () => { document.documentElement.classList.add("printed"); resizeAll(); });
addEventListener("afterprint", () => { document.documentElement.classList.remove("printed"); setTimeout(resizeAll); });

const zooming = {interactionModel: Dygraph.defaultInteractionModel};
const rowsOf = (curve) => curve.points.map(([ms, value]) => [new Date(ms), value]).sort((a, b) => a[0] - b[0]);
const kept = (curve) => `${whole.format(curve.points.length)} of ${whole.format(curve.total)} points, of each stretch the lowest and the highest`;
const isThinned = (curve) => curve.points.length < curve.total;
const titleOf = (card) => `${card.symbol || "no symbol"}${card.time_frame_s > 0 ? `, ${frame(card.time_frame_s)}` : ""}`;
const sideOf = (mark) => data.names[mark[2]][2] ? mark[4] : mark[3];
const column = (side) => side > 0 ? 2 : side < 0 ? 3 : 4;

function priceRows(card) {
  const rows = new Map((card.prices ? card.prices.points : []).map(([ms, value]) => [ms, [new Date(ms), value, null, null, null]]));
  for (const mark of card.signals) {
    if (!isNumber(mark[1])) continue;
    const row = rows.get(mark[0]) || [new Date(mark[0]), null, null, null, null];
    row[column(sideOf(mark))] = mark[1];
    rows.set(mark[0], row);
  }
  return [...rows.values()].sort((a, b) => a[0] - b[0]);
}

function signalText(mark) {
  const [deployment, name] = data.names[mark[2]], side = sideOf(mark);
  return `${side > 0 ? "▲" : side < 0 ? "▼" : "●"} ${name} of ${deployment}: value ${few(mark[5])}, confidence ${few(mark[6])}`;
}

function readPrice(caption, card, ms, value) {
  const last = card.prices && card.prices.points[card.prices.points.length - 1];
  const at = isNumber(ms) ? ms : last ? last[0] : null, shown = isNumber(value) ? value : isNumber(ms) || !last ? null : last[1];
  const marks = isNumber(ms) ? card.signals.filter((mark) => mark[0] === ms).slice(0, 4).map(signalText).join("; ") : "";
  caption.replaceChildren(titleOf(card), " ", shown === null ? "" : element("strong", {}, price(shown)), " ", at === null ? "" : unit(time(at)), " ", unit(marks));
}

function noteOf(card) {
  const drawn = card.signals.filter((mark) => isNumber(mark[1])).length;
  return [card.prices ? isThinned(card.prices) ? `prices: ${kept(card.prices)}` : plural(card.prices.total, "price") : "no price came with this symbol and time frame",
    card.signals_total > card.signals.length ? `signals: ${whole.format(drawn)} of ${whole.format(card.signals_total)}, evenly chosen` : plural(card.signals_total, "signal"),
    drawn < card.signals.length ? `${plural(card.signals.length - drawn, "signal")} without a price not drawn` : "",
    card.published_left > 0 ? `${plural(card.published_left, "published series")} not drawn` : ""].filter((text) => text).join("; ");
}

function signalTable(card) {
  const rows = card.signals.map((mark) => [head(data.names[mark[2]][1]), {text: data.names[mark[2]][0]}, {text: new Date(mark[0]).toISOString().replace("T", " ").replace("Z", " UTC")},
    number(price(mark[1])), number(few(mark[5])), number(few(mark[6]))]);
  return table(["Signal", "By", "Event time", {n: "Price"}, {n: "Value"}, {n: "Confidence"}], rows, `Signals of ${titleOf(card)}`);
}

function drawPublished(place, curve, all) {
  const chartPlace = element("div", {class: "chart low", role: "img", "aria-label": `${curve.series} of ${curve.deployment}`});
  const caption = element("figcaption");
  place.append(element("figure", {"data-series": curve.series, "data-deployment": curve.deployment}, caption, chartPlace));
  const read = (point) => caption.replaceChildren(curve.series, " ", unit(curve.deployment), " ", point ? element("strong", {}, price(point.yval)) : "", " ",
    unit(point ? time(point.xval) : isThinned(curve) ? kept(curve) : plural(curve.total, "point")));
  read(null);
  const made = chart(chartPlace, ["time", "value"], ["--c3"], {...zooming, axisLabelWidth: 70, yRangePad: 6,
    axes: {x: {pixelsPerLabel: 90, axisLabelFormatter: axisTime}, y: {pixelsPerLabel: 26, axisLabelFormatter: few}},
    highlightCallback: (event, x, points) => read(points[0]), unhighlightCallback: () => read(null)});
  made.updateOptions({file: rowsOf(curve), dateWindow: all});
  watch(chartPlace, made);
  chartPlace.dataset.points = curve.points.length;
}

function drawCard(card, index) {
  const caption = element("figcaption"), place = element("div", {class: "chart tall", role: "img", "aria-label": `Price of ${titleOf(card)} by event time, with signals`});
  const box = element("div", {class: "card", id: `card-${index}`, "data-symbol": card.symbol, "data-frame": card.time_frame_s}, element("figure", {}, caption, place), element("p", {class: "hint"}, noteOf(card)));
  byId("cards").append(box);
  byId("card-list").append(element("li", {}, element("a", {href: `#card-${index}`}, titleOf(card))));
  readPrice(caption, card);
  const rows = priceRows(card);
  let range = null;
  if (rows.length > 0) {
    const made = priceChart(place, {...zooming, highlightCallback: (event, x, points) => readPrice(caption, card, x, (points.find((point) => point.name === "price") || {}).yval),
      unhighlightCallback: () => readPrice(caption, card)});
    made.updateOptions({file: rows});
    watch(place, made);
    range = made.xAxisRange();
  } else {
    place.remove();
  }
  place.dataset.points = card.prices ? card.prices.points.length : 0;
  place.dataset.signals = rows.filter((row) => row.slice(2).some((value) => value !== null)).length;
  if (card.published.length > 0) {
    const series = element("div", {class: "series"});
    box.append(element("h3", {}, "Published series"), series);
    for (const curve of card.published) drawPublished(series, curve, range);
  }
  if (card.signals.length > 0) {
    const details = element("details", {}, element("summary", {}, "The signals as a table"));
    details.addEventListener("toggle", () => { if (details.children.length === 1) details.append(signalTable(card)); });
    box.append(details);
  }
}

function showCards() {
  const shown = data.shown;
  const which = shown.chosen ? "those that were asked for" : "those with the most signals";
  byId("shown").append([`▲ long, ▼ short, ● neither: by the side that the strategy declares, else by the sign of the value. Drag to zoom, double-click to zoom out.`,
    shown.cards < shown.all_cards ? `Shown are ${whole.format(shown.cards)} of ${whole.format(shown.all_cards)} symbols and time frames: ${which}; --show and --most choose others.` : "",
    shown.points_left > 0 ? `${plural(shown.points_left, "point")} of further published series came and are not in this page.` : "",
    shown.thinned ? "What is drawn is thinned where it says so; figures and tables are of everything." : ""].filter((text) => text).join(" "));
  data.cards.forEach(drawCard);
}

/* ---- parameters and files ---- */

function setupCard(one) {
  const rows = one.parameters.map((p) => [head(p.name), {text: p.value === null ? NONE : p.value, class: p.value !== p.default ? "changed" : ""},
    {text: p.default === null ? "required" : p.default}, {text: [p.min, p.max].some((x) => x !== null) ? `${p.min === null ? "" : p.min} … ${p.max === null ? "" : p.max}` : ""}, {text: p.help || ""}]);
  const made = element("article", {class: "card", "data-setup": one.name}, element("h2", {class: "name"}, one.name, " ", unit(`${one.strategy} ${one.version}`)), element("p", {}, one.summary || ""));
  made.append(facts([["Hash of the file", element("code", {}, one.hash)], ["Scope", one.scope], ["Topics", one.topics.join(", ")],
    ["Symbols", one.symbols.length > 0 ? one.symbols.join(", ") : "all"], ["Series", one.series.length > 0 ? one.series.join(", ") : "none"]]),
    table(["Parameter", "Value", "Default", "Range", "Help"], rows, `Parameters of ${one.name}`, "It has none."));
  return made;
}

function showFiles() {
  setRows(byId("files"), data.files.map((file) => [{text: file.what}, head(file.path), number(isNumber(file.bytes) ? count(file.bytes) : NONE), {text: file.hash || file.why}]), 4, "None.");
  for (const strategy of data.strategies) byId("setup").append(setupCard(strategy));
}

try {
  showHead();
  evaluation.deployments.forEach(showDeployment);
  showCards();
  showFiles();
  document.documentElement.dataset.done = "yes";
} catch (error) {
  byId("failed").hidden = false;
  byId("failed").append(`This report could not be drawn: ${error}`);
  throw error;
}
})();
