/*
 * base/format/csv_writer.h - CSV (RFC 4180, with a line feed behind each row), cell by cell into a
 * text: the writer sets the commas, and quotes what needs it.
 *
 *     struct csv_writer csv = csv_writer_of(&text);
 *     csv_text(&csv, "QQQ");
 *     csv_number(&csv, mean);
 *     csv_end_row(&csv);
 *
 * Memory that runs out shows in the text.
 */
#ifndef TAKE5_BASE_FORMAT_CSV_WRITER_H
#define TAKE5_BASE_FORMAT_CSV_WRITER_H

#include "base/text.h"

struct csv_writer {
    struct text *text;
    bool is_more; /* the next cell comes behind another one */
};

/* A row begins at the text's end. */
struct csv_writer csv_writer_of(struct text *text);

/* In quotes where a comma, a quote or a line break would end the cell. */
void csv_text(struct csv_writer *csv, const char *value);
/* Reads back as the same double; NaN and infinities are an empty cell. */
void csv_number(struct csv_writer *csv, double number);
void csv_integer(struct csv_writer *csv, int64_t number);
void csv_unsigned(struct csv_writer *csv, uint64_t number);
void csv_end_row(struct csv_writer *csv);
/* A whole row of texts, NULL behind the last: the header. */
void csv_row(struct csv_writer *csv, const char *const *values);

#endif
