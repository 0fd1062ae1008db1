/*
 * The document: index.html, in which @NAME@ stands for what is written here. What it shows is what
 * the script shows later, so that it can be read at once, and without a script. Whatever comes from
 * outside goes through put().
 */
#include "ops/page/page_private.h"

#include "base/embed.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

EMBED(page_document, "ops/page/index.html");

struct document {
    struct text *html;
    const cJSON *state, *stats, *ready, *setup, *signals;
    const char *version;
};

/* ---- values ---- */

/* As text: nothing of it is markup. */
static void put_bytes(struct text *html, const char *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        switch (data[i]) {
        case '<':
            text_puts(html, "&lt;");
            break;
        case '>':
            text_puts(html, "&gt;");
            break;
        case '&':
            text_puts(html, "&amp;");
            break;
        case '"':
            text_puts(html, "&quot;");
            break;
        case '\'':
            text_puts(html, "&#39;");
            break;
        default:
            text_putc(html, data[i]);
        }
    }
}

static void put(struct text *html, const char *text) {
    if (text != NULL)
        put_bytes(html, text, strlen(text));
}

static const cJSON *member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *string(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(member(object, name));
    return text != NULL ? text : "";
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* 1234567 as 1 234 567, by narrow spaces. */
static void put_count(struct text *html, double value) {
    char digits[32];
    if (isnan(value) || value < 0) {
        text_puts(html, "–");
        return;
    }
    const int size = snprintf(digits, sizeof digits, "%.0f", value);
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            text_puts(html, "\u202f");
        text_putc(html, digits[i]);
    }
}

static void put_number(struct text *html, double value) {
    if (isnan(value))
        text_puts(html, "–");
    else
        text_printf(html, "%.6g", value);
}

/* ---- cells ---- */

static void cell(struct text *html, const char *text) {
    text_puts(html, "<td>");
    put(html, text);
    text_puts(html, "</td>");
}

static void head_cell(struct text *html, const char *text) {
    text_puts(html, "<th scope=\"row\">");
    put(html, text);
    text_puts(html, "</th>");
}

static void count_cell(struct text *html, double value) {
    text_puts(html, "<td class=\"n\">");
    put_count(html, value);
    text_puts(html, "</td>");
}

static void number_cell(struct text *html, double value) {
    text_puts(html, "<td class=\"n\">");
    put_number(html, value);
    text_puts(html, "</td>");
}

static void state_cell(struct text *html, const char *class, const char *text) {
    text_printf(html, "<td><span class=\"state %s\">", class);
    put(html, text);
    text_puts(html, "</span></td>");
}

static void no_rows(struct text *html, int columns, const char *text) {
    text_printf(html, "<tr class=\"none\"><td colspan=\"%d\">%s</td></tr>", columns, text);
}

/* ---- the head ---- */

static void write_service(const struct document *document) {
    const char *service = string(document->stats, "service");
    put(document->html, service[0] != '\0' ? service : "take5");
}

static bool is_ready(const struct document *document) {
    return strcmp(string(document->ready, "status"), "ready") == 0;
}

static void write_condition_class(const struct document *document) {
    text_puts(document->html, document->ready == NULL ? "warn"
                              : is_ready(document)    ? "ok"
                                                      : "fail");
}

/* The first check that fails, or the status. */
static void write_condition(const struct document *document) {
    const cJSON *check;
    if (document->ready == NULL) {
        text_puts(document->html, "starting");
        return;
    }
    cJSON_ArrayForEach(check, member(document->ready, "checks")) {
        if (strcmp(string(check, "status"), "fail") != 0)
            continue;
        text_puts(document->html, "not ready: ");
        put(document->html, string(check, "name"));
        return;
    }
    put(document->html, string(document->ready, "status"));
}

static void write_time(const struct document *document) {
    text_time_ns(document->html, clock_wall_ns());
}

static void write_version(const struct document *document) {
    put(document->html, document->version);
}

static void write_icon(const struct document *document) {
    text_puts(document->html, page_asset_path("icon.svg"));
}
static void write_style(const struct document *document) {
    text_puts(document->html, page_asset_path("style.css"));
}
static void write_charts(const struct document *document) {
    text_puts(document->html, page_asset_path("charts.js"));
}
static void write_app(const struct document *document) {
    text_puts(document->html, page_asset_path("app.js"));
}

/* ---- figures ---- */

static void tile(struct text *html, const char *name, const char *unit, double value,
                 bool is_count) {
    text_printf(html, "<div class=\"tile\"><dt>%s</dt><dd>", name);
    if (is_count)
        put_count(html, value);
    else
        put_number(html, value);
    text_printf(html, " <span class=\"unit\">%s</span></dd></div>", unit);
}

static double at(const cJSON *moment, int index) {
    const cJSON *item = cJSON_GetArrayItem(moment, index);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* In the order of the script's. */
static void write_tiles(const struct document *document) {
    const cJSON *last = cJSON_GetArrayItem(member(document->state, "last"), 0);
    const cJSON *totals = member(document->stats, "totals");
    struct text *html = document->html;
    tile(html, "Messages", "1/s", at(last, 1), false);
    tile(html, "Lag", "messages", at(last, 2), true);
    tile(html, "Latency p50", "ms", at(last, 3), false);
    tile(html, "Latency p99", "ms", at(last, 4), false);
    tile(html, "Signals", "since start", number(totals, "signals"), true);
    tile(html, "Dead letters", "since start", number(totals, "dead_letters"), true);
    tile(html, "Memory", "MB", round(number(document->state, "memory_bytes") / 1e5) / 10, false);
    tile(html, "Uptime", "s", number(document->stats, "uptime_s"), true);
}

static const char *class_of(const char *state) {
    return strcmp(state, "running") == 0 || strcmp(state, "ok") == 0     ? "ok"
           : strcmp(state, "fail") == 0 || strcmp(state, "refused") == 0 ? "fail"
                                                                         : "warn";
}

static void write_strategies(const struct document *document) {
    struct text *html = document->html;
    const cJSON *strategy, *list = member(document->stats, "strategies");
    cJSON_ArrayForEach(strategy, list) {
        const char *state = string(strategy, "state");
        text_puts(html, "<tr>");
        head_cell(html, string(strategy, "name"));
        cell(html, string(strategy, "version"));
        state_cell(html, class_of(state), state);
        count_cell(html, number(strategy, "messages"));
        count_cell(html, number(strategy, "signals"));
        count_cell(html, number(strategy, "errors"));
        number_cell(html, number(strategy, "p50_us"));
        number_cell(html, number(strategy, "p99_us"));
        text_puts(html, "</tr>");
    }
    if (cJSON_GetArraySize(list) == 0)
        no_rows(html, 8, "No strategy runs.");
}

static const char *shadow_state(const cJSON *shadow) {
    return cJSON_IsTrue(member(shadow, "stopped"))     ? "too slow"
           : cJSON_IsTrue(member(shadow, "comparing")) ? "comparing"
                                                       : "not level";
}

static void put_difference(struct text *html, const cJSON *signal) {
    if (!cJSON_IsObject(signal)) {
        text_puts(html, "nothing");
        return;
    }
    put(html, string(signal, "name"));
    text_putc(html, ' ');
    put(html, string(signal, "symbol"));
    text_putc(html, ' ');
    put_number(html, number(signal, "value"));
    text_puts(html, " (");
    put_number(html, number(signal, "confidence"));
    text_putc(html, ')');
}

static void difference_cell(struct text *html, const cJSON *difference) {
    text_puts(html, "<td>");
    if (difference != NULL) {
        put_difference(html, member(difference, "original"));
        text_puts(html, " \u2192 ");
        put_difference(html, member(difference, "shadow"));
    }
    text_puts(html, "</td>");
}

static void write_shadow(struct text *html, const cJSON *strategy, const cJSON *shadow) {
    const char *state = shadow_state(shadow);
    text_puts(html, "<tr>");
    head_cell(html, string(strategy, "name"));
    cell(html, string(shadow, "of"));
    state_cell(html, strcmp(state, "comparing") == 0 ? "ok" : "warn", state);
    count_cell(html, number(shadow, "same"));
    count_cell(html, number(shadow, "changed"));
    count_cell(html, number(shadow, "only_original"));
    count_cell(html, number(shadow, "only_shadow"));
    difference_cell(html, cJSON_GetArrayItem(member(shadow, "differences"), 0));
    text_puts(html, "</tr>");
}

static void write_shadows(const struct document *document) {
    const cJSON *strategy;
    cJSON_ArrayForEach(strategy, member(document->stats, "strategies")) {
        const cJSON *shadow = member(strategy, "shadow");
        if (shadow != NULL)
            write_shadow(document->html, strategy, shadow);
    }
}

/* The card is there for who has one. */
static void write_shadows_hidden(const struct document *document) {
    const cJSON *strategy;
    cJSON_ArrayForEach(strategy, member(document->stats, "strategies")) {
        if (member(strategy, "shadow") != NULL)
            return;
    }
    text_puts(document->html, " hidden");
}

static void write_checks(const struct document *document) {
    const cJSON *check;
    cJSON_ArrayForEach(check, member(document->ready, "checks")) {
        text_puts(document->html, "<tr>");
        state_cell(document->html, class_of(string(check, "status")), string(check, "status"));
        head_cell(document->html, string(check, "name"));
        cell(document->html, string(check, "detail"));
        text_puts(document->html, "</tr>");
    }
}

static void write_signals(const struct document *document) {
    struct text *html = document->html;
    const int count = cJSON_GetArraySize(document->signals);
    for (int i = count; i-- > 0;) {
        const cJSON *signal = cJSON_GetArrayItem(document->signals, i);
        text_puts(html, "<tr>");
        cell(html, string(signal, "event_time"));
        head_cell(html, string(signal, "symbol"));
        cell(html, string(signal, "name"));
        cell(html, string(signal, "deployment"));
        number_cell(html, number(signal, "value"));
        number_cell(html, number(signal, "confidence"));
        text_puts(html, "</tr>");
    }
    if (count == 0)
        no_rows(html, 6, "No signal yet.");
}

static void write_bad(const struct document *document) {
    const cJSON *reason, *reasons = member(member(document->stats, "totals"), "bad_by_reason");
    cJSON_ArrayForEach(reason, reasons) {
        text_puts(document->html, "<tr>");
        head_cell(document->html, reason->string);
        count_cell(document->html, reason->valuedouble);
        text_puts(document->html, "</tr>");
    }
    if (cJSON_GetArraySize(reasons) == 0)
        no_rows(document->html, 2, "None.");
}

static void write_reload(const struct document *document) {
    struct text *html = document->html;
    const cJSON *reload = member(document->stats, "last_reload"), *item;
    text_puts(html, "<ul class=\"report\">");
    cJSON_ArrayForEach(item, member(reload, "faults")) {
        text_puts(html, "<li class=\"fail\">");
        put(html, cJSON_GetStringValue(item));
        text_puts(html, "</li>");
    }
    cJSON_ArrayForEach(item, member(reload, "deployments")) {
        text_puts(html, "<li><strong>");
        put(html, string(item, "name"));
        text_puts(html, "</strong> ");
        put(html, string(item, "outcome"));
        text_puts(html, " ");
        put(html, string(item, "detail"));
        text_puts(html, "</li>");
    }
    text_puts(html, "</ul>");
}

static void write_lag(const struct document *document) {
    struct text *html = document->html;
    const cJSON *lag, *list = member(document->stats, "lag");
    cJSON_ArrayForEach(lag, list) {
        text_puts(html, "<tr>");
        head_cell(html, string(lag, "topic"));
        count_cell(html, number(lag, "partition"));
        count_cell(html, number(lag, "lag"));
        count_cell(html, number(lag, "committed"));
        text_puts(html, "</tr>");
    }
    if (cJSON_GetArraySize(list) == 0)
        no_rows(html, 4, "No partition is assigned.");
}

static void write_lanes(const struct document *document) {
    struct text *html = document->html;
    const cJSON *lane;
    cJSON_ArrayForEach(lane, member(document->stats, "lanes")) {
        const char *worker = string(lane, "worker");
        text_puts(html, "<tr><th scope=\"row\">");
        put(html, worker);
        text_printf(html, "%s%.0f</th>", worker[0] != '\0' ? " " : "", number(lane, "lane"));
        count_cell(html, number(lane, "partitions"));
        count_cell(html, number(lane, "messages"));
        count_cell(html, number(lane, "unconfirmed"));
        text_puts(html, "</tr>");
    }
}

static void write_sinks(const struct document *document) {
    struct text *html = document->html;
    const cJSON *sink;
    cJSON_ArrayForEach(sink, member(document->stats, "sinks")) {
        const bool is_ok = cJSON_IsTrue(member(sink, "ok"));
        text_puts(html, "<tr><th scope=\"row\">");
        put(html, string(sink, "name"));
        text_puts(html, " <span class=\"unit\">");
        put(html, string(sink, "for"));
        text_puts(html, "</span></th>");
        state_cell(html, is_ok ? "ok" : "fail", is_ok ? "ok" : string(sink, "detail"));
        count_cell(html, number(sink, "confirmed"));
        count_cell(html, number(sink, "queued"));
        text_puts(html, "</tr>");
    }
}

static void write_parameters(struct text *html, const cJSON *parameters) {
    const cJSON *parameter;
    cJSON_ArrayForEach(parameter, parameters) {
        text_puts(html, "<tr>");
        head_cell(html, string(parameter, "name"));
        cell(html, string(parameter, "value"));
        cell(html, string(parameter, "default"));
        cell(html, string(parameter, "help"));
        text_puts(html, "</tr>");
    }
    if (cJSON_GetArraySize(parameters) == 0)
        no_rows(html, 4, "It has none.");
}

static void write_fields(struct text *html, const cJSON *fields) {
    const cJSON *field;
    if (cJSON_GetArraySize(fields) == 0)
        return;
    text_puts(html, "<h3>Fields</h3><ul class=\"chips\">");
    cJSON_ArrayForEach(field, fields) {
        const double sampled = number(field, "sampled");
        text_puts(html, "<li><code>");
        put(html, string(field, "path"));
        if (sampled > 0)
            text_printf(html, ": absent %.3g %%", 100 * number(field, "absent") / sampled);
        text_puts(html, "</code></li>");
    }
    text_puts(html, "</ul>");
}

static void write_series(struct text *html, const cJSON *list) {
    const cJSON *series;
    if (cJSON_GetArraySize(list) == 0)
        return;
    text_puts(html, "<h3>Series</h3><ul class=\"chips\">");
    cJSON_ArrayForEach(series, list) {
        text_puts(html, "<li><code>");
        put(html, cJSON_GetStringValue(series));
        text_puts(html, "</code></li>");
    }
    text_puts(html, "</ul>");
}

static void write_setup(const struct document *document) {
    struct text *html = document->html;
    const cJSON *deployment;
    cJSON_ArrayForEach(deployment, document->setup) {
        text_puts(html, "<article class=\"card\"><h2>");
        put(html, string(deployment, "name"));
        text_puts(html, "</h2><p>");
        put(html, string(deployment, "summary"));
        text_puts(html, "</p><table><thead><tr><th scope=\"col\">Parameter</th><th "
                        "scope=\"col\">Value</th><th scope=\"col\">Default</th><th "
                        "scope=\"col\">Help</th></tr></thead><tbody>");
        write_parameters(html, member(deployment, "parameters"));
        text_puts(html, "</tbody></table>");
        write_fields(html, member(deployment, "fields"));
        write_series(html, member(deployment, "series"));
        text_puts(html, "</article>");
    }
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    void (*write)(const struct document *document);
} places[] = {
    {"SERVICE", write_service},
    {"CONDITION", write_condition},
    {"CONDITION_CLASS", write_condition_class},
    {"TIME", write_time},
    {"VERSION", write_version},
    {"ICON", write_icon},
    {"STYLE", write_style},
    {"CHARTS", write_charts},
    {"APP", write_app},
    {"TILES", write_tiles},
    {"STRATEGIES", write_strategies},
    {"SHADOWS", write_shadows},
    {"SHADOWS_HIDDEN", write_shadows_hidden},
    {"CHECKS", write_checks},
    {"SIGNALS", write_signals},
    {"BAD", write_bad},
    {"RELOAD", write_reload},
    {"LAG", write_lag},
    {"LANES", write_lanes},
    {"SINKS", write_sinks},
    {"SETUP", write_setup},
};

static void write_place(const struct document *document, const char *name, size_t size) {
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strlen(places[i].name) == size && memcmp(places[i].name, name, size) == 0)
            places[i].write(document);
}

void page_html_write(struct text *html, const cJSON *state, const cJSON *setup,
                     const cJSON *signals, const char *version) {
    const struct document document = {
        .html = html,
        .state = state,
        .stats = member(state, "stats"),
        .ready = cJSON_IsObject(member(state, "ready")) ? member(state, "ready") : NULL,
        .setup = setup,
        .signals = signals,
        .version = version,
    };
    const char *from = page_document_begin;
    while (from < page_document_end) {
        const char *name = memchr(from, '@', (size_t)(page_document_end - from));
        const char *end =
            name != NULL ? memchr(name + 1, '@', (size_t)(page_document_end - name - 1)) : NULL;
        if (end == NULL)
            break;
        text_append(html, from, (size_t)(name - from));
        write_place(&document, name + 1, (size_t)(end - name - 1));
        from = end + 1;
    }
    text_append(html, from, (size_t)(page_document_end - from));
}

void page_html_login(struct text *html, bool was_wrong) {
    text_printf(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<meta name=\"color-scheme\" content=\"light dark\"><title>take5: log in</title>"
        "<link rel=\"icon\" type=\"image/svg+xml\" href=\"/%s\">"
        "<link rel=\"stylesheet\" href=\"/%s\"></head>"
        "<body class=\"login\"><main><form class=\"card\" method=\"post\" action=\"/login\">"
        "<h1>take5</h1>%s"
        "<label for=\"token\">Token</label>"
        "<input id=\"token\" name=\"token\" type=\"password\" "
        "autocomplete=\"current-password\" required autofocus>"
        "<button>Log in</button>"
        "<p class=\"hint\">The first line of the file that [http] token_file names.</p>"
        "</form></main></body></html>\n",
        page_asset_path("icon.svg"), page_asset_path("style.css"),
        was_wrong ? "<p class=\"error\" role=\"alert\">That is not the token.</p>" : "");
}
