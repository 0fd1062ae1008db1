#include "ops/metrics/metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>

void metrics_family(struct text *text, const char *name, const char *type, const char *help) {
    text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label(struct text *text, const char *name, const char *value) {
    text_printf(text, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            text_putc(text, '\\');
        if (*at == '\n')
            text_puts(text, "\\n");
        else
            text_putc(text, *at);
    }
    text_putc(text, '"');
}

static void put_labels(struct text *text, va_list labels) {
    bool is_more = false;
    for (const char *name; (name = va_arg(labels, const char *)) != NULL; is_more = true) {
        text_putc(text, is_more ? ',' : '{');
        put_label(text, name, va_arg(labels, const char *));
    }
    if (is_more)
        text_putc(text, '}');
}

static void put_number(struct text *text, double value) {
    if (isfinite(value))
        text_json_number(text, value);
    else
        text_puts(text, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
}

void metrics_count(struct text *text, const char *name, uint64_t value, ...) {
    va_list labels;
    text_puts(text, name);
    va_start(labels, value);
    put_labels(text, labels);
    va_end(labels);
    text_printf(text, " %" PRIu64 "\n", value);
}

void metrics_gauge(struct text *text, const char *name, double value, ...) {
    va_list labels;
    text_puts(text, name);
    va_start(labels, value);
    put_labels(text, labels);
    va_end(labels);
    text_putc(text, ' ');
    put_number(text, value);
    text_putc(text, '\n');
}

static void put_own_label(struct text *text, const char *label, const char *value) {
    if (label == NULL)
        return;
    text_putc(text, '{');
    put_label(text, label, value);
    text_putc(text, '}');
}

void metrics_histogram(struct text *text, const char *name, const char *label, const char *value,
                       const double *bounds_s, const uint64_t *counts, size_t count, double sum_s) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += counts[i];
        text_printf(text, "%s_bucket{", name);
        if (label != NULL) {
            put_label(text, label, value);
            text_putc(text, ',');
        }
        text_puts(text, "le=\"");
        put_number(text, bounds_s[i]);
        text_printf(text, "\"} %" PRIu64 "\n", sum);
    }
    text_printf(text, "%s_sum", name);
    put_own_label(text, label, value);
    text_putc(text, ' ');
    put_number(text, sum_s);
    text_printf(text, "\n%s_count", name);
    put_own_label(text, label, value);
    text_printf(text, " %" PRIu64 "\n", sum);
}
