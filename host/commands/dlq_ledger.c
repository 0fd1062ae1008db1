#include "commands/dlq_ledger.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static uint64_t hash_line(const char *data, size_t size) {
    const uint64_t hash = hash_key(data, size);
    return hash != 0 ? hash : 1;
}

static void put(struct dlq_ledger *ledger, uint64_t hash) {
    size_t at = hash & ledger->mask;
    while (ledger->hashes[at] != 0 && ledger->hashes[at] != hash)
        at = (at + 1) & ledger->mask;
    ledger->count += ledger->hashes[at] == 0;
    ledger->hashes[at] = hash;
}

static bool add(struct dlq_ledger *ledger, uint64_t hash) {
    if (ledger->hashes == NULL || ledger->count > ledger->mask / 2) {
        struct dlq_ledger grown = *ledger;
        grown.mask = ledger->hashes != NULL ? 2 * ledger->mask + 1 : 1023;
        grown.count = 0;
        grown.hashes = calloc(grown.mask + 1, sizeof *grown.hashes);
        if (grown.hashes == NULL)
            return false;
        for (size_t i = 0; ledger->hashes != NULL && i <= ledger->mask; i++) {
            if (ledger->hashes[i] != 0)
                put(&grown, ledger->hashes[i]);
        }
        free(ledger->hashes);
        *ledger = grown;
    }
    put(ledger, hash);
    return true;
}

static bool read_lines(struct dlq_ledger *ledger, bool is_trial, struct error *error) {
    char *line = NULL;
    size_t capacity = 0;
    bool did = true;
    FILE *file = fopen(ledger->path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "%s", ledger->path);
    for (ssize_t size; did && (size = getline(&line, &capacity, file)) > 0;) {
        if (line[size - 1] == '\n')
            did = add(ledger, hash_line(line, (size_t)size - 1)) ||
                  error_set_memory(error, sizeof(uint64_t), "what was redriven");
        else if (!is_trial && write(ledger->file, "\n", 1) != 1)
            did = error_set_errno(error, errno, "%s", ledger->path);
    }
    if (did && ferror(file))
        did = error_set_errno(error, errno, "%s", ledger->path);
    free(line);
    fclose(file);
    return did;
}

bool dlq_ledger_open(struct dlq_ledger *ledger, const char *path, bool is_trial,
                     struct error *error) {
    *ledger = (struct dlq_ledger){.path = path};
    const int mode = is_trial ? O_RDONLY : O_RDWR | O_CREAT;
    ledger->file = open(path, mode | O_APPEND | O_CLOEXEC, 0640);
    if (ledger->file < 0)
        return (is_trial && errno == ENOENT) || error_set_errno(error, errno, "%s", path);
    if (flock(ledger->file, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, ERROR_STATE, "%s: another redrive is at work", path);
    return read_lines(ledger, is_trial, error);
}

void dlq_ledger_close(struct dlq_ledger *ledger) {
    if (ledger->file >= 0)
        close(ledger->file);
    ledger->file = -1;
    free(ledger->hashes);
    ledger->hashes = NULL;
}

void dlq_ledger_line(struct text *line, const struct dlq_letter *letter, const char *how,
                     const char *target) {
    text_reset(line);
    text_printf(line, "%s/%" PRId32 "/%" PRId64 " %s %s", letter->topic, letter->partition,
                letter->offset, how, target);
}

bool dlq_ledger_has(const struct dlq_ledger *ledger, const struct text *line) {
    const uint64_t hash = hash_line(line->data, line->size);
    size_t at = hash & ledger->mask;
    if (ledger->hashes == NULL)
        return false;
    while (ledger->hashes[at] != 0 && ledger->hashes[at] != hash)
        at = (at + 1) & ledger->mask;
    return ledger->hashes[at] == hash;
}

bool dlq_ledger_add(struct dlq_ledger *ledger, const struct text *line) {
    return add(ledger, hash_line(line->data, line->size));
}

bool dlq_ledger_write(const struct dlq_ledger *ledger, const struct text *lines,
                      struct error *error) {
    for (size_t written = 0; written < lines->size;) {
        const ssize_t n = write(ledger->file, lines->data + written, lines->size - written);
        if (n < 0 && errno != EINTR)
            return error_set_errno(error, errno, "%s", ledger->path);
        written += n > 0 ? (size_t)n : 0;
    }
    return fdatasync(ledger->file) == 0 || error_set_errno(error, errno, "%s", ledger->path);
}
