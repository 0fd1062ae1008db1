#include "ops/metrics/metrics_text.h"

#include <criterion/criterion.h>
#include <math.h>

static struct text text;

static void begin(void) {
    text_init(&text);
}

static void end(void) {
    text_release(&text);
}

Test(metrics_text, a_family_is_help_type_and_samples, .init = begin, .fini = end) {
    metrics_family(&text, "x_total", "counter", "What x is.");
    metrics_count(&text, "x_total", 18446744073709551615u, NULL);
    metrics_count(&text, "x_total", 0, "a", "1", "b", "2", NULL);
    cr_expect_str_eq(text.data, "# HELP x_total What x is.\n# TYPE x_total counter\n"
                                "x_total 18446744073709551615\nx_total{a=\"1\",b=\"2\"} 0\n");
}

Test(metrics_text, a_label_is_escaped, .init = begin, .fini = end) {
    metrics_count(&text, "x", 1, "a", "\"\\\n", NULL);
    cr_expect_str_eq(text.data, "x{a=\"\\\"\\\\\\n\"} 1\n");
}

Test(metrics_text, a_gauge_may_be_infinite_or_no_number, .init = begin, .fini = end) {
    metrics_gauge(&text, "x", 0.5, NULL);
    metrics_gauge(&text, "x", INFINITY, NULL);
    metrics_gauge(&text, "x", -INFINITY, NULL);
    metrics_gauge(&text, "x", (double)NAN, NULL);
    cr_expect_str_eq(text.data, "x 0.5\nx +Inf\nx -Inf\nx NaN\n");
}

Test(metrics_text, a_histogram_adds_up, .init = begin, .fini = end) {
    const double bounds[] = {0.25, 1, INFINITY};
    const uint64_t counts[] = {2, 0, 3};
    metrics_histogram(&text, "h", NULL, NULL, bounds, counts, 3, 7.5);
    metrics_histogram(&text, "h", "s", "n", bounds, counts, 3, 7.5);
    cr_expect_str_eq(text.data, "h_bucket{le=\"0.25\"} 2\nh_bucket{le=\"1\"} 2\n"
                                "h_bucket{le=\"+Inf\"} 5\nh_sum 7.5\nh_count 5\n"
                                "h_bucket{s=\"n\",le=\"0.25\"} 2\nh_bucket{s=\"n\",le=\"1\"} 2\n"
                                "h_bucket{s=\"n\",le=\"+Inf\"} 5\nh_sum{s=\"n\"} 7.5\n"
                                "h_count{s=\"n\"} 5\n");
}
