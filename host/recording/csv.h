/*
 * recording/csv.h - rows of CSV as messages.
 *
 * The first line names the columns. A row becomes one JSON object with a member for each column: by
 * the column's own name, or where a *mapping* puts it. A mapping is a text:
 *
 *   PATH=COLUMN   the column's values at that path of the message; steps divided by dots. A column
 *                 is found by its name as it is, else without regard to upper and lower case
 *   PATH:VALUE    the same value in each row, for what the file does not say
 *
 * Each row must have a symbol ("symbol") and a time ("timestamp" or "publishTime.take5Time") by
 * then. A cell that is a number is a number, an empty one null, anything else text; so is what is
 * put at "symbol" in any case. A date at "timestamp" is its midnight. Cells are divided by the
 * comma, semicolon or tab that the header has most of; quotes around a cell, and two for one in it,
 * are as in RFC 4180, but a cell cannot go over several lines.
 */
#ifndef TAKE5_RECORDING_CSV_H
#define TAKE5_RECORDING_CSV_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether the text is a mapping. */
bool recording_csv_check(const char *mapping, struct error *error);

struct recording_csv;

/* Of the header's line, without its break. NULL with an error. */
struct recording_csv *recording_csv_new(const char *header, size_t size,
                                        const char *const *mappings, size_t count,
                                        struct error *error);
/* NULL is allowed. */
void recording_csv_free(struct recording_csv *csv);

/* Appends the row as JSON, without a break. NULL when it is good, else what is wrong, as a constant
 * text behind "line"; then what was appended means nothing. */
const char *recording_csv_row(struct recording_csv *csv, const char *row, size_t size,
                              struct text *json);

#endif
