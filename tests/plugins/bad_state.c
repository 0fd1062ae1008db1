/*
 * Counts messages as good.c does, and goes wrong with its state in one way, which the name of the
 * build says:
 *
 *   state_restless  save writes how often it was called, too
 *   state_ids       writes symbol ids, which mean nothing to the next instance
 *   state_forgets   forgets a part of what it counts by
 *   state_empty     reads the first byte of a record without looking whether there is one
 *   state_trusts    believes a number in the record to be its length
 *   state_short     reads a record to its end, wherever that is, once its first half looks right
 *   state_older     crashes when the state was written by another version
 *   state_overflow  copies a record, however long it is, into a block of the usual length
 *   state_mute      refuses without a reason
 */
#include "plugin.h"

#include <stdlib.h>

enum { RESTLESS = 1, IDS, FORGETS, EMPTY, TRUSTS, SHORT, OLDER, MUTE, OVERFLOW };

#define STATE_VERSION 3
#define MAGIC         UINT64_C(0x7461746564616261)
#define SYMBOLS       4096

/* A record. */
struct record {
    uint64_t magic;
    uint64_t length; /* of the record */
    uint64_t count;
    uint64_t extra;
};

struct counter {
    t5_host *host;
    uint64_t saves;
    uint64_t since; /* messages since the last signal */
    struct record records[SYMBOLS];
};

static int32_t create(const t5_create_args *args, void **self) {
    struct counter *counter = calloc(1, sizeof *counter);
    if (counter == NULL)
        return t5_fail(args->host, "no memory");
    counter->host = args->host;
    *self = counter;
    return T5_OK;
}

static int32_t on_message(void *self, const t5_message *message) {
    struct counter *counter = self;
    struct record *record = &counter->records[message->symbol_id % SYMBOLS];
    record->count++;
    if (WRONG == FORGETS ? ++counter->since % 70 != 0 : record->count % 70 != 0)
        return T5_OK;
    const t5_signal signal = t5_signal_init("seventy", (double)record->count, 1);
    return t5_emit(counter->host, &signal);
}

static void on_event(void *self, const t5_event *event) {
    struct counter *counter = self;
    if (event->kind == T5_EVENT_SYMBOL_EXPIRED)
        memset(&counter->records[event->symbol_id % SYMBOLS], 0, sizeof *counter->records);
}

static int32_t save(void *self, const t5_save_args *args) {
    struct counter *counter = self;
    (void)args;
    counter->saves++;
    for (uint32_t id = 0; id < SYMBOLS; id++) {
        struct record record = counter->records[id];
        if (record.count == 0)
            continue;
        record.magic = MAGIC;
        record.length = sizeof record;
        if (WRONG == RESTLESS)
            record.extra = counter->saves;
        if (WRONG == IDS)
            record.extra = id;
        if (t5_record_write(counter->host, id, &record, sizeof record) != T5_OK)
            return t5_fail(counter->host, "cannot write");
    }
    return T5_OK;
}

static int32_t refuse(struct counter *counter, size_t size) {
    return WRONG == MUTE ? T5_ERROR : t5_fail(counter->host, "%zu bytes are no record", size);
}

/* Adds up what it takes for the record's bytes: beyond its end lies what must not be read. */
static void read_all(const unsigned char *bytes, uint64_t length, size_t size) {
    volatile unsigned sum = 0;
    for (uint64_t i = 0; i < length; i++) {
        if (i >= size)
            crash();
        sum = sum + bytes[i];
    }
}

static int32_t load_record(struct counter *counter, const t5_record *read) {
    struct record record;
    if (WRONG == EMPTY && read->data_size == 0)
        crash();
    if (read->symbol_id == T5_NO_SYMBOL || read->symbol_id >= SYMBOLS)
        return refuse(counter, read->data_size);
    if (WRONG == TRUSTS && read->data_size >= 16) {
        memcpy(&record, read->data, 16);
        read_all(read->data, record.length, read->data_size);
    }
    if (WRONG == SHORT && read->data_size >= 16) {
        memcpy(&record, read->data, 16);
        if (record.magic == MAGIC && record.length == sizeof record)
            read_all(read->data, sizeof record, read->data_size);
    }
    if (WRONG == OVERFLOW && read->data_size <= sizeof record + 1) {
        void *volatile copy = malloc(sizeof record);
        if (copy != NULL)
            memcpy(copy, read->data, read->data_size);
        free(copy);
    }
    if (read->data_size != sizeof record)
        return refuse(counter, read->data_size);
    memcpy(&record, read->data, sizeof record);
    if (record.magic != MAGIC)
        return refuse(counter, read->data_size);
    counter->records[WRONG == IDS ? record.extra % SYMBOLS : read->symbol_id] = record;
    return T5_OK;
}

static int32_t load(void *self, const t5_load_args *args) {
    struct counter *counter = self;
    t5_record record;
    if (args->state_version != STATE_VERSION) {
        if (WRONG == OLDER)
            crash();
        return t5_fail(counter->host, "state version %u is unknown", args->state_version);
    }
    while (t5_record_read(counter->host, &record) == T5_OK)
        if (load_record(counter, &record) != T5_OK)
            return T5_ERROR;
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = STATE_VERSION,
            .create = create, .destroy = free, .load = load, .on_message = on_message,
            .on_event = on_event, .save = save);
