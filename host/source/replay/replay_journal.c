#include "source/replay/replay_journal.h"

#include "base/array.h"

#include "source/replay/replay_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOPIC 249 /* Kafka's own limit */
#define MAX_LINE  512 /* a topic and three numbers are less */

struct file_journal {
    const struct config *config;
    char *path;
    FILE *file;
    char line[MAX_LINE];
    uint64_t number; /* of the line */
    struct file_journal_part *parts;
    size_t part_count;
};

static bool refuse_line(const struct file_journal *journal, struct error *error, const char *what) {
    return error_set(error, ERROR_INVALID,
                     "%s:%" PRIu64 ": %s; a journal line is TOPIC PARTITION OFFSET COUNT",
                     journal->path, journal->number, what);
}

static bool find_topic(const struct config *config, const char *name, uint32_t *topic) {
    for (uint32_t i = 0; i < config->topic_count; i++) {
        if (strcmp(config->topics[i].name, name) == 0) {
            *topic = i;
            return true;
        }
    }
    return config_topic_by_role(config, name, topic) != NULL;
}

static bool find_part(const struct file_journal *journal, struct file_journal_part part,
                      size_t *index) {
    for (size_t i = 0; i < journal->part_count; i++) {
        if (journal->parts[i].topic == part.topic &&
            journal->parts[i].partition == part.partition) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool take_part(struct file_journal *journal, struct file_journal_part part, size_t *index,
                      struct error *error) {
    if (find_part(journal, part, index))
        return true;
    if (!ARRAY_RESIZE(journal->parts, journal->part_count + 1))
        return error_set_memory(error, "the parts of a journal");
    *index = journal->part_count;
    journal->parts[journal->part_count++] = part;
    return true;
}

static bool parse(struct file_journal *journal, struct file_journal_run *run, struct error *error) {
    char name[MAX_TOPIC + 1];
    struct file_journal_part part;
    int64_t partition; /* wider than it may be: a larger one is no other one */
    int end = 0;
    if (sscanf(journal->line, "%249s %" SCNd64 " %" SCNd64 " %" SCNd64 " %n", name, &partition,
               &run->first, &run->count, &end) != 4 ||
        journal->line[end] != '\0')
        return refuse_line(journal, error, "is not a run of messages");
    if (partition < 0 || partition > FILE_PARTS_MAX_PARTITION || run->first < 0 || run->count < 1 ||
        run->count > INT64_MAX - run->first)
        return refuse_line(journal, error, "has a number out of range");
    part.partition = (int32_t)partition;
    if (!find_topic(journal->config, name, &part.topic))
        return refuse_line(journal, error, "names a topic that is not configured");
    return take_part(journal, part, &run->part, error);
}

bool file_journal_next(struct file_journal *journal, struct file_journal_run *run,
                       struct error *error) {
    run->count = 0;
    if (fgets(journal->line, sizeof journal->line, journal->file) == NULL)
        return feof(journal->file) || error_set_errno(error, errno, "reading %s", journal->path);
    journal->number++;
    /* A crash may have left the last line in part; but one without a whole line is no journal. */
    const bool is_part = strchr(journal->line, '\n') == NULL;
    return (is_part && journal->number > 1 && feof(journal->file)) || parse(journal, run, error);
}

static bool read_through(struct file_journal *journal, struct error *error) {
    struct file_journal_run run;
    do {
        if (!file_journal_next(journal, &run, error))
            return false;
    } while (run.count > 0);
    rewind(journal->file);
    journal->number = 0;
    return true;
}

struct file_journal *file_journal_open(const char *path, const struct config *config,
                                       struct error *error) {
    struct file_journal *journal = calloc(1, sizeof *journal);
    if (journal != NULL)
        journal->path = strdup(path);
    if (journal == NULL || journal->path == NULL) {
        error_set_memory(error, "a journal");
        free(journal);
        return NULL;
    }
    journal->config = config;
    journal->file = fopen(path, "re");
    if (journal->file == NULL)
        error_set_errno(error, errno, "%s", path);
    else if (read_through(journal, error))
        return journal;
    file_journal_close(journal);
    return NULL;
}

void file_journal_close(struct file_journal *journal) {
    if (journal == NULL)
        return;
    if (journal->file != NULL)
        fclose(journal->file);
    free(journal->parts);
    free(journal->path);
    free(journal);
}

const struct file_journal_part *file_journal_parts(const struct file_journal *journal,
                                                   size_t *count) {
    *count = journal->part_count;
    return journal->parts;
}
