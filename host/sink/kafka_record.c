#include "sink/kafka_record.h"

#include "base/text.h"
#include "sink/dead_letter.h"

enum level { LEVEL_WHOLE, LEVEL_SHORT, LEVEL_BARE };

bool kafka_record_is_refused_for_good(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return true;
    default:
        return false;
    }
}

/* False: out of memory. */
static bool entry_shorten(struct sink_entry *entry, rd_kafka_resp_err_t code, const char *topic,
                          struct log *log) {
    const struct delivery_text *own = delivery_text(entry->delivery);
    struct text text, line;
    text_init(&text);
    text_init(&line);
    if (own != NULL)
        dead_letter_write_short(own, rd_kafka_err2name(code), &text);
    delivery_write_line(entry->delivery, &line);
    const bool did = own != NULL && !text_is_oom(&text);
    if (did) {
        entry->text_size = text.size;
        entry->text = text_take(&text);
        log_event(log, LOG_LEVEL_WARNING, "sink", "sink.record_shortened",
                  "topic %s permanently rejected a record of %zu bytes: %s; a shortened one is "
                  "written instead: %s",
                  topic, own->value_size, rd_kafka_err2str(code), line.data);
    }
    text_release(&text);
    text_release(&line);
    return did;
}

bool kafka_record_reduce(struct sink_entry *entry, rd_kafka_resp_err_t code, const char *topic,
                         struct log *log) {
    if (!entry->is_suspect) {
        entry->is_suspect = true;
        log_info(log, "sink",
                 "topic %s rejected a batch: %s; retrying its records one by one (a lower "
                 "batch.size may help)",
                 topic, rd_kafka_err2str(code));
        return true;
    }
    if (entry->level == LEVEL_BARE)
        return false;
    if (entry->level == LEVEL_WHOLE && !entry_shorten(entry, code, topic, log))
        return false; /* out of memory: unchanged, to be tried again */
    entry->level++;
    return true;
}

static rd_kafka_headers_t *entry_headers(const struct sink_entry *entry,
                                         const struct delivery_text *text) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(text->header_count);
    for (size_t i = 0; i < text->header_count; i++) {
        const struct delivery_header *header = &text->headers[i];
        /* Bare: what made it too large or invalid may be one of the original's headers. */
        if (entry->level == LEVEL_BARE && entry->delivery->kind == DELIVERY_DEAD_LETTER &&
            !dead_letter_is_own_header(text, i))
            continue;
        rd_kafka_header_add(headers, header->name, -1, header->value,
                            header->value ? (ssize_t)header->value_size : 0);
    }
    return headers;
}

rd_kafka_resp_err_t kafka_record_produce(rd_kafka_t *client, rd_kafka_topic_t *topic,
                                         struct sink_entry *entry) {
    const struct delivery *delivery = entry->delivery;
    const struct delivery_text *text = delivery_text(entry->delivery);
    if (text == NULL)
        return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE; /* for now */
    bool is_bare = entry->level == LEVEL_BARE;
    const char *value = entry->level > LEVEL_WHOLE ? entry->text : text->value;
    size_t size = entry->level > LEVEL_WHOLE ? entry->text_size : text->value_size;
    rd_kafka_headers_t *headers = entry_headers(entry, text);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        client, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_MSGFLAGS(0),
        RD_KAFKA_V_VALUE((void *)value, size),
        RD_KAFKA_V_KEY(is_bare ? NULL : delivery->key, is_bare ? 0 : delivery->key_size),
        RD_KAFKA_V_TIMESTAMP(is_bare || delivery->time_ms < 0 ? 0 : delivery->time_ms),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(entry), RD_KAFKA_V_END);
    if (code)
        rd_kafka_headers_destroy(headers);
    return code;
}
