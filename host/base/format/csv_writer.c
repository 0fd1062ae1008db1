#include "base/format/csv_writer.h"

#include <math.h>
#include <string.h>

struct csv_writer csv_writer_of(struct text *text) {
    return (struct csv_writer){.text = text};
}

static void begin_cell(struct csv_writer *csv) {
    if (csv->is_more)
        text_putc(csv->text, ',');
    csv->is_more = true;
}

void csv_text(struct csv_writer *csv, const char *value) {
    begin_cell(csv);
    if (strpbrk(value, ",\"\r\n") == NULL) {
        text_puts(csv->text, value);
        return;
    }
    text_putc(csv->text, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"')
            text_putc(csv->text, '"');
        text_putc(csv->text, *value);
    }
    text_putc(csv->text, '"');
}

void csv_number(struct csv_writer *csv, double number) {
    begin_cell(csv);
    if (isfinite(number))
        text_json_number(csv->text, number);
}

void csv_integer(struct csv_writer *csv, int64_t number) {
    begin_cell(csv);
    text_json_integer(csv->text, number);
}

void csv_unsigned(struct csv_writer *csv, uint64_t number) {
    begin_cell(csv);
    text_json_unsigned(csv->text, number);
}

void csv_end_row(struct csv_writer *csv) {
    text_putc(csv->text, '\n');
    csv->is_more = false;
}

void csv_row(struct csv_writer *csv, const char *const *values) {
    for (; *values != NULL; values++)
        csv_text(csv, *values);
    csv_end_row(csv);
}
