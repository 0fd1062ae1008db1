/*
 * source/replay/replay_options.h - what is replayed and how, and how far it is (replay_source.h).
 */
#ifndef TAKE5_SOURCE_REPLAY_REPLAY_OPTIONS_H
#define TAKE5_SOURCE_REPLAY_REPLAY_OPTIONS_H

#include <take5/message.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Partitions of lines that name none. */
#define FILE_SOURCE_SPREAD 16

/* No bound of time. */
#define FILE_SOURCE_NO_FROM  INT64_MIN
#define FILE_SOURCE_NO_UNTIL INT64_MAX

struct file_source_options {
    const char *const *paths; /* "-": the standard input */
    size_t path_count;
    const char *topic;           /* role or name, for lines that name none; NULL: by shape */
    const char *const *mappings; /* of CSV (recording/csv.h); NULL: none is taken */
    size_t mapping_count;
    /* The order of delivery in a live host: what is not in it is left out, and so are lines
     * without topic, partition and offset. Reads the files once while the recording goes about as
     * the journal does, and once more for each group of parts that it has much later (32 MiB); an
     * error then, when a file is a pipe. NULL: by event time. */
    const char *journal;
    int64_t from_ns; /* event time: from <= time < until */
    int64_t until_ns;
    bool is_cold; /* nothing before `from_ns` is given as history (file_source_ahead_ns) */
    const char *const *symbols; /* NULL: all */
    size_t symbol_count;
    double speed;   /* how many times faster than the event times; 0: as fast as it goes */
    bool is_strict; /* ends with an error at the first bad line, after what came before it */
    /* Between every so many records and the next, when all before have been worked on, the control
     * thread calls `paused`, inside `poll`. 0: never. */
    uint64_t pause_every;
    /* So also before the records of these sequence numbers, in their order, and at the end when it
     * is the number of all; one that stands here several times pauses as often. NULL: none. */
    const uint64_t *pauses;
    size_t pause_count;
    void (*paused)(void *context);
    /* Called in the reading thread for each message that is delivered and can be decoded, before it
     * is; in the order of reading, and with a journal perhaps more than once. `message` is valid
     * during the call, and has the envelope alone. May be NULL. */
    void (*message)(void *context, const t5_message *message);
    /* Called in the reading thread for each bad line; "line" stands before `text`. May be NULL. */
    void (*bad_line)(void *context, const char *file, uint64_t line, const char *text);
    void *context;
};

#define FILE_SOURCE_OPTIONS_INIT                                                                   \
    { .from_ns = FILE_SOURCE_NO_FROM, .until_ns = FILE_SOURCE_NO_UNTIL }

struct file_source_progress {
    uint64_t bytes;      /* read so far, of all files */
    int64_t bytes_total; /* -1: not known (a pipe) */
    uint64_t lines;
    uint64_t bad_lines;
    uint64_t records;        /* delivered to lanes */
    uint64_t filtered;       /* left out by the filters or because their topic is not configured */
    uint64_t foreign;        /* of those: because of the topic */
    bool is_foreign_journal; /* it names messages, and the files have none of them */
    /* Of the options' symbols: how many, of how many no line was met, and the first of these. */
    uint32_t symbols, symbols_unmet;
    char symbols_unmet_names[128];
};

#endif
