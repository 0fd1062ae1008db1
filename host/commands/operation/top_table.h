/*
 * commands/operation/top_table.h - the rows of `take5 top`: what each strategy did between two
 * looks at the status, in the order asked for.
 */
#ifndef TAKE5_COMMANDS_OPERATION_TOP_TABLE_H
#define TAKE5_COMMANDS_OPERATION_TOP_TABLE_H

#include "commands/operation/status.h"

#include <stdbool.h>
#include <stddef.h>

enum top_order {
    TOP_BY_NAME = 1,
    TOP_BY_RATE,
    TOP_BY_TIME,
    TOP_BY_P50,
    TOP_BY_P99,
    TOP_BY_SIGNALS,
    TOP_BY_ERRORS,
    TOP_BY_STATE
};

struct top_row {
    char name[128];
    char state[32];        /* "running", "quarantine", ... */
    double messages_s;     /* since the look before */
    double time_share;     /* 0 to 1, of the time of its process's lanes */
    double p50_ns, p99_ns; /* of the callbacks since the look before; 0: there were none */
    double signals_s;
    double errors; /* in all */
};

struct top_table {
    struct top_row *rows;
    size_t count;
};

/* Rows from a status and an earlier one, `seconds` before (NULL: none, rates are 0). False when
 * memory runs out. */
bool top_table_init(struct top_table *table, const cJSON *status, const cJSON *before,
                    double seconds);
void top_table_release(struct top_table *table);
/* Largest first, but names and states from A; equal ones by name. */
void top_table_sort(struct top_table *table, enum top_order order, bool is_reversed);

#endif
