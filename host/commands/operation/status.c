#include "commands/operation/status.h"

#include "cli/cli.h"
#include "ops/control/control.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void make_visible(cJSON *item) {
    struct text shown;
    for (; item != NULL; item = item->next) {
        make_visible(item->child);
        if (!cJSON_IsString(item))
            continue;
        text_init(&shown);
        text_visible(&shown, item->valuestring, strlen(item->valuestring));
        if (text_is_oom(&shown))
            note_oom();
        if (strcmp(shown.data, item->valuestring) != 0 &&
            cJSON_SetValuestring(item, shown.data) == NULL)
            note_oom();
        text_release(&shown);
    }
}

cJSON *status_parse(const char *data, size_t size) {
    cJSON *tree = cJSON_ParseWithLength(data, size);
    make_visible(tree);
    return tree;
}

bool status_ask(const struct host_locator *host, struct text *answer, cJSON **tree,
                struct error *error) {
    const char *socket = host->place.socket;
    struct text request;
    bool did = false;
    text_init(&request);
    host_locator_request(host, "status", &request);
    const bool is_answered = control_ask(socket, request.data, &did, answer, error);
    text_release(&request);
    if (!is_answered)
        return false;
    if (!did)
        return error_set(error, ERROR_STATE, "%s: %s", socket, answer->data);
    if (tree == NULL)
        return true;
    *tree = status_parse(answer->data, answer->size);
    return *tree != NULL ||
           error_set(error, ERROR_INVALID, "%s: the response of the host is not JSON", socket);
}

const cJSON *status_member(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *status_text(const cJSON *object, const char *name) {
    const cJSON *item = status_member(object, name);
    return cJSON_IsString(item) ? item->valuestring : "";
}

double status_number(const cJSON *object, const char *name) {
    const cJSON *item = status_member(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

bool status_is(const cJSON *object, const char *name) {
    return cJSON_IsTrue(status_member(object, name));
}

/* ---- workers ---- */

void status_format_worker(const cJSON *item, char *text, size_t size) {
    const char *worker = status_text(item, "worker");
    text[0] = '\0';
    if (worker[0] != '\0')
        snprintf(text, size, "[%s] ", worker);
}

static bool has_same_text(const cJSON *a, const cJSON *b, const char *name) {
    return strcmp(status_text(a, name), status_text(b, name)) == 0;
}

int status_lanes(const cJSON *status, const cJSON *item) {
    const cJSON *lane;
    int count = 0;
    cJSON_ArrayForEach(lane, status_member(status, "lanes")) {
        count += has_same_text(lane, item, "worker");
    }
    return count;
}

/* The worker's process; 0: there are no workers. */
static double process_of(const cJSON *status, const cJSON *item) {
    const cJSON *worker;
    cJSON_ArrayForEach(worker, status_member(status, "workers")) {
        if (strcmp(status_text(worker, "name"), status_text(item, "worker")) == 0)
            return status_number(worker, "process");
    }
    return 0;
}

/* Whether one process has counted both. */
static bool does_continue(const cJSON *status, const cJSON *item, const cJSON *before,
                          const cJSON *earlier) {
    return has_same_text(item, earlier, "worker") &&
           process_of(status, item) == process_of(before, earlier);
}

const cJSON *status_strategy_before(const cJSON *status, const cJSON *strategy,
                                    const cJSON *before) {
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, status_member(before, "strategies")) {
        if (has_same_text(strategy, earlier, "name") &&
            does_continue(status, strategy, before, earlier))
            return earlier;
    }
    return NULL;
}

const cJSON *status_lane_before(const cJSON *status, const cJSON *lane, const cJSON *before) {
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, status_member(before, "lanes")) {
        if (status_number(lane, "lane") == status_number(earlier, "lane") &&
            does_continue(status, lane, before, earlier))
            return earlier;
    }
    return NULL;
}

const cJSON *status_totals_before(const cJSON *status, const cJSON *before) {
    const cJSON *lanes = status_member(status, "lanes"), *lane;
    if (cJSON_GetArraySize(lanes) != cJSON_GetArraySize(status_member(before, "lanes")))
        return NULL;
    cJSON_ArrayForEach(lane, lanes) {
        if (status_lane_before(status, lane, before) == NULL)
            return NULL;
    }
    return status_member(before, "totals");
}

/* ---- numbers ---- */

double status_rate(const cJSON *now, const cJSON *before, const char *name, double seconds) {
    const double more = status_number(now, name) - status_number(before, name);
    return before != NULL && more > 0 && seconds > 0 ? more / seconds : 0;
}

void status_condition(const cJSON *status, char *text, size_t size) {
    if (!status_is(status, "live"))
        snprintf(text, size, "STUCK: %s", status_text(status, "stuck"));
    else if (status_is(status, "stopping"))
        snprintf(text, size, "STOPPING");
    else if (status_is(status, "draining"))
        snprintf(text, size, "DRAINING");
    else if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(status, "attended")))
        snprintf(text, size, "NOT READING: no strategy is running");
    else
        snprintf(text, size, "running");
}

/* With a comma before every third digit. */
static void group_digits(double count, char *text, size_t size) {
    char digits[32];
    size_t at = 0;
    snprintf(digits, sizeof digits, "%.0f", count);
    const size_t length = strlen(digits);
    for (size_t i = 0; i < length && at + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}

void status_format_count(double count, size_t width, char *text, size_t size) {
    static const char units[] = "kMGT";
    if (count < 0) {
        snprintf(text, size, "-");
        return;
    }
    group_digits(count, text, size);
    for (size_t i = 0; strlen(text) > width && units[i] != '\0'; i++) {
        count /= 1000;
        snprintf(text, size, count < 100 ? "%.1f%c" : "%.0f%c", count, units[i]);
    }
}

void status_format_ns(double ns, char *text, size_t size) {
    if (ns <= 0)
        snprintf(text, size, "-");
    else if (ns < 999.5)
        snprintf(text, size, "%.0f ns", ns);
    else if (ns < 999.5e3)
        snprintf(text, size, ns < 99.5e3 ? "%.1f us" : "%.0f us", ns / 1e3);
    else if (ns < 999.5e6)
        snprintf(text, size, ns < 99.5e6 ? "%.1f ms" : "%.0f ms", ns / 1e6);
    else
        snprintf(text, size, "%.1f s", ns / 1e9);
}

void status_format_span(double seconds, char *text, size_t size) {
    const long long s = (long long)seconds;
    if (s < 60)
        snprintf(text, size, "%lld s", s);
    else if (s < 3600)
        snprintf(text, size, "%lld min %lld s", s / 60, s % 60);
    else if (s < 24 * 3600)
        snprintf(text, size, "%lld h %lld min", s / 3600, s / 60 % 60);
    else
        snprintf(text, size, "%lld d %lld h", s / 86400, s / 3600 % 24);
}
