#include "dlq/ledger.h"

#include "base/hash.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct dlq_ledger_entry *find(const struct dlq_ledger *ledger, uint64_t hash) {
    struct dlq_ledger_entry *entry;
    HASH_FIND_BYHASHVALUE(hh, ledger->entries, &hash, sizeof hash, (unsigned)hash, entry);
    return entry;
}

static bool add(struct dlq_ledger *ledger, const char *line, size_t size) {
    const uint64_t hash = hash_seeded(line, size, ledger->seed);
    if (find(ledger, hash) != NULL)
        return true;
    struct dlq_ledger_entry *entry = malloc(sizeof *entry);
    if (entry == NULL)
        return false;
    entry->hash = hash;
    HASH_ADD_BYHASHVALUE(hh, ledger->entries, hash, sizeof hash, (unsigned)hash, entry);
    if (entry->hh.tbl != NULL)
        return true;
    free(entry);
    return false;
}

static bool read_lines(struct dlq_ledger *ledger, bool is_dry_run, struct error *error) {
    char *line = NULL;
    size_t capacity = 0;
    bool did = true;
    FILE *file = fopen(ledger->path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "%s", ledger->path);
    for (ssize_t size; did && (size = getline(&line, &capacity, file)) > 0;) {
        if (line[size - 1] == '\n')
            did =
                add(ledger, line, (size_t)size - 1) || error_set_memory(error, "what was redriven");
        else if (!is_dry_run && write(ledger->file, "\n", 1) != 1)
            did = error_set_errno(error, errno, "%s", ledger->path);
    }
    if (did && ferror(file))
        did = error_set_errno(error, errno, "%s", ledger->path);
    free(line);
    fclose(file);
    return did;
}

bool dlq_ledger_open(struct dlq_ledger *ledger, const char *path, bool is_dry_run,
                     struct error *error) {
    *ledger = (struct dlq_ledger){.path = path, .seed = hash_seed()};
    const int mode = is_dry_run ? O_RDONLY : O_RDWR | O_CREAT;
    struct stat status;
    ledger->file = open(path, mode | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    if (ledger->file < 0)
        return (is_dry_run && errno == ENOENT) || error_set_errno(error, errno, "%s", path);
    if (fstat(ledger->file, &status) != 0 || !S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s: not a regular file", path);
    if (flock(ledger->file, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_STATE, "%s: another redrive is running", path);
    return read_lines(ledger, is_dry_run, error);
}

void dlq_ledger_close(struct dlq_ledger *ledger) {
    if (ledger->file >= 0)
        close(ledger->file);
    ledger->file = -1;
    struct dlq_ledger_entry *entry, *next;
    HASH_ITER(hh, ledger->entries, entry, next) {
        HASH_DELETE(hh, ledger->entries, entry);
        free(entry);
    }
}

void dlq_ledger_line(struct text *line, const struct dead_letter *dead_letter, const char *how,
                     const char *target) {
    text_reset(line);
    text_printf(line, "%s/%" PRId32 "/%" PRId64 " %s %s", dead_letter->topic,
                dead_letter->partition, dead_letter->offset, how, target);
}

bool dlq_ledger_has(const struct dlq_ledger *ledger, const struct text *line) {
    return find(ledger, hash_seeded(line->data, line->size, ledger->seed)) != NULL;
}

bool dlq_ledger_add(struct dlq_ledger *ledger, const struct text *line) {
    return add(ledger, line->data, line->size);
}

bool dlq_ledger_write(const struct dlq_ledger *ledger, const struct text *lines,
                      struct error *error) {
    return (io_write_all(ledger->file, lines->data, lines->size) && fdatasync(ledger->file) == 0) ||
           error_set_errno(error, errno, "%s", ledger->path);
}
