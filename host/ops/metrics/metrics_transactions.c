/* Transactions: [signals] delivery = exactly_once. */
#include "engine/view.h"
#include "ops/metrics/metrics.h"
#include "ops/metrics/metrics_text.h"

static void one_gauge(struct text *text, const char *name, const char *help, double value) {
    metrics_family(text, name, "gauge", help);
    metrics_gauge(text, name, value, NULL);
}

static void write_outcomes(struct text *text, const struct view_transactions *view) {
    static const char name[] = "take5_transactions_total";
    metrics_family(text, name, "counter",
                   "Transactions of signals and offsets: committed; aborted and begun again; "
                   "unknown, whose outcome had to be found out; fenced, with their producers.");
    metrics_count(text, name, view->committed, "outcome", "committed", NULL);
    metrics_count(text, name, view->aborted, "outcome", "aborted", NULL);
    metrics_count(text, name, view->unknown, "outcome", "unknown", NULL);
    metrics_count(text, name, view->fenced, "outcome", "fenced", NULL);
}

void metrics_write_transactions(struct text *text, struct engine *engine) {
    struct view_transactions view;
    view_transactions(engine, &view);
    if (!view.is_exactly_once)
        return;
    write_outcomes(text, &view);
    metrics_family(text, "take5_epochs_dropped_total", "counter",
                   "Epochs of which partitions were revoked before they were committed; another "
                   "host emits those signals.");
    metrics_count(text, "take5_epochs_dropped_total", view.dropped, NULL);
    one_gauge(text, "take5_epochs_waiting", "Epochs that are not committed yet, of all lanes.",
              (double)view.undecided);
    one_gauge(text, "take5_epoch_wait_seconds",
              "From the closing of a lane's last epoch to its commit: the longest.",
              (double)view.wait_ns / 1e9);
}
