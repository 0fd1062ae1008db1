#include "ops/metrics/dead_letter_backlog.h"

#include "base/hash.h"
#include "base/table.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Coordinates stand at the beginning of a line, and a topic's name has at most 249 bytes. */
#define HEAD_SIZE 384

/* A message, by the hash of its coordinates. */
struct waiting {
    uint64_t hash;
    UT_hash_handle hh;
};

struct followed {
    char *path;
    dev_t device;
    ino_t inode;          /* 0: none was read */
    int64_t offset;       /* read up to here */
    char head[HEAD_SIZE]; /* of the current line */
    size_t head_size;
};

struct dead_letter_backlog {
    struct followed dead_letters, redriven;
    struct waiting *waiting;
    uint64_t seed;
};

typedef void take_line(struct dead_letter_backlog *backlog, const char *head, size_t size);

/* ---- the set ---- */

static struct waiting *find(const struct dead_letter_backlog *backlog, uint64_t hash) {
    struct waiting *waiting;
    HASH_FIND_BYHASHVALUE(hh, backlog->waiting, &hash, sizeof hash, (unsigned)hash, waiting);
    return waiting;
}

static void add(struct dead_letter_backlog *backlog, uint64_t hash) {
    if (HASH_COUNT(backlog->waiting) >= DEAD_LETTER_BACKLOG_MAX || find(backlog, hash) != NULL)
        return;
    struct waiting *waiting = malloc(sizeof *waiting);
    if (waiting == NULL)
        return;
    waiting->hash = hash;
    HASH_ADD_BYHASHVALUE(hh, backlog->waiting, hash, sizeof hash, (unsigned)hash, waiting);
    if (waiting->hh.tbl == NULL)
        free(waiting);
}

static void take_away(struct dead_letter_backlog *backlog, struct waiting *waiting) {
    HASH_DELETE(hh, backlog->waiting, waiting);
    free(waiting);
}

static void empty(struct dead_letter_backlog *backlog) {
    struct waiting *waiting, *next;
    HASH_ITER(hh, backlog->waiting, waiting, next) {
        take_away(backlog, waiting);
    }
}

/* ---- lines ---- */

/* {"topic":"TOPIC","partition":P,"offset":O,... (sink/dead_letter.c). Others are none. */
static void take_dead_letter(struct dead_letter_backlog *backlog, const char *head, size_t size) {
    char topic[256], coordinates[HEAD_SIZE];
    long long partition, offset;
    (void)size;
    if (sscanf(head, "{\"topic\":\"%255[^\"]\",\"partition\":%lld,\"offset\":%lld,", topic,
               &partition, &offset) != 3)
        return;
    const int length =
        snprintf(coordinates, sizeof coordinates, "%s/%lld/%lld", topic, partition, offset);
    add(backlog, hash_seeded(coordinates, (size_t)length, backlog->seed));
}

/* TOPIC/PARTITION/OFFSET, a blank, and where to. */
static void take_redriven(struct dead_letter_backlog *backlog, const char *head, size_t size) {
    const char *end = memchr(head, ' ', size);
    struct waiting *waiting =
        end != NULL ? find(backlog, hash_seeded(head, (size_t)(end - head), backlog->seed)) : NULL;
    if (waiting != NULL)
        take_away(backlog, waiting);
}

static void take_bytes(struct dead_letter_backlog *backlog, struct followed *file, const char *data,
                       size_t size, take_line *take) {
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        const size_t length = end != NULL ? (size_t)(end - data) : size;
        const size_t room = sizeof file->head - 1 - file->head_size;
        const size_t kept = length < room ? length : room;
        memcpy(file->head + file->head_size, data, kept);
        file->head_size += kept;
        if (end == NULL)
            return;
        file->head[file->head_size] = '\0';
        take(backlog, file->head, file->head_size);
        file->head_size = 0;
        data += length + 1;
        size -= length + 1;
    }
}

/* ---- files ---- */

static void begin_anew(struct dead_letter_backlog *backlog) {
    struct followed *const files[] = {&backlog->dead_letters, &backlog->redriven};
    empty(backlog);
    for (size_t i = 0; i < 2; i++) {
        files[i]->inode = 0;
        files[i]->offset = 0;
        files[i]->head_size = 0;
    }
}

static bool is_another(const struct followed *file, const struct stat *status) {
    return file->inode != 0 && (file->inode != status->st_ino || file->device != status->st_dev ||
                                file->offset > status->st_size);
}

/* Whether one of them is not the one that was read; a file that is away is. */
static bool was_replaced(const struct dead_letter_backlog *backlog) {
    const struct followed *const files[] = {&backlog->dead_letters, &backlog->redriven};
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        if (stat(files[i]->path, &status) != 0 ? files[i]->inode != 0
                                               : is_another(files[i], &status))
            return true;
    }
    return false;
}

/* To its end; false: not there yet, or it cannot be read. */
static bool read_on(struct dead_letter_backlog *backlog, struct followed *file, take_line *take) {
    char data[16384];
    int64_t left = DEAD_LETTER_LOOK_BYTES;
    struct stat status;
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT;
    bool is_at_end = false;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || is_another(file, &status))
        goto done; /* the next look begins from the start */
    file->device = status.st_dev;
    file->inode = status.st_ino;
    while (left > 0 && !is_at_end) {
        const ssize_t size = pread(fd, data, sizeof data, file->offset);
        if (size < 0)
            break;
        is_at_end = size == 0;
        take_bytes(backlog, file, data, (size_t)size, take);
        file->offset += size;
        left -= size;
    }

done:
    close(fd);
    return is_at_end;
}

bool dead_letter_backlog_look(struct dead_letter_backlog *backlog, uint64_t *waiting) {
    if (was_replaced(backlog))
        begin_anew(backlog);
    /* In this order: what was redriven has been a dead letter before. */
    const bool is_known = read_on(backlog, &backlog->dead_letters, take_dead_letter) &&
                          read_on(backlog, &backlog->redriven, take_redriven);
    *waiting = HASH_COUNT(backlog->waiting);
    return is_known;
}

struct dead_letter_backlog *dead_letter_backlog_new(const char *path) {
    struct dead_letter_backlog *backlog = calloc(1, sizeof *backlog);
    if (backlog == NULL)
        return NULL;
    backlog->seed = hash_seed();
    backlog->dead_letters.path = text_format("%s", path);
    backlog->redriven.path = text_format("%s.redriven", path);
    if (backlog->dead_letters.path != NULL && backlog->redriven.path != NULL)
        return backlog;
    dead_letter_backlog_free(backlog);
    return NULL;
}

void dead_letter_backlog_free(struct dead_letter_backlog *backlog) {
    if (backlog == NULL)
        return;
    empty(backlog);
    free(backlog->dead_letters.path);
    free(backlog->redriven.path);
    free(backlog);
}
