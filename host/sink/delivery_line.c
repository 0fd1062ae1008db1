#include "sink/dead_letter.h"
#include "sink/sink.h"

#include <string.h>

static void write_alert_line(const struct delivery_text *own, struct text *text) {
    for (size_t i = 0; i < own->header_count; i++) {
        if (strcmp(own->headers[i].name, DELIVERY_ALERT_LINE) == 0)
            text_visible(text, own->headers[i].value, own->headers[i].value_size);
    }
}

void delivery_write_line(const struct delivery *delivery, struct text *text) {
    if (delivery->kind == DELIVERY_ALERT)
        write_alert_line(delivery->text, text);
    else if (delivery->kind == DELIVERY_DEAD_LETTER)
        dead_letter_write_summary(delivery->text, text);
    else if (delivery->signal != NULL)
        signal_write_line(delivery->signal, text);
}
