#include "checkpoint/order_tail.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/text.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC "T5TAIL1"

/* Run number N of the order is at runs[N % ORDER_TAIL_RUNS], for N from `begin` to below `end`;
 * `begin` above `end`: none. */
struct mapped {
    char magic[8];
    int64_t boot;
    uint64_t owner;
    _Atomic uint64_t begin, end;
    struct order_run runs[ORDER_TAIL_RUNS];
};

struct order_tail {
    struct mapped *mapped;
    bool is_closed;
};

/* ---- owner ---- */

/* Streams mean the same if the topics are the same and in the same order. False: out of memory. */
static bool hash_owner(const struct journal_owner *owner, uint64_t *hash) {
    struct text text;
    text_init(&text);
    journal_put_header(&text, &(struct journal_owner){.partition = owner->partition,
                                                      .group = owner->group,
                                                      .topics = owner->topics,
                                                      .topic_count = owner->topic_count});
    const bool did = !text_is_oom(&text);
    *hash = did ? hash_key(text.data, text.size) : 0;
    text_release(&text);
    return did;
}

/* ---- making ---- */

static struct mapped *map(int fd, struct error *error) {
    /* Reserves space on the disk, so that a store into the memory never fails for lack of it. */
    const int status = posix_fallocate(fd, 0, sizeof(struct mapped));
    if (status != 0) {
        error_set_errno(error, status, "there is no room");
        return NULL;
    }
    void *mapped = mmap(NULL, sizeof(struct mapped), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED)
        return mapped;
    error_set_errno(error, errno, "cannot map it");
    return NULL;
}

/* Written to another name and renamed: the previous content is in one of the two files at any
 * time. */
static struct mapped *make_file(const char *path, const struct journal_owner *owner,
                                const struct order *order, struct error *error) {
    char *beside = text_format("%s.new", path);
    const int fd = beside != NULL ? private_file_open(beside, O_RDWR | O_CREAT | O_TRUNC, error)
                                  : (error_set_memory(error, "a path"), -1);
    struct mapped *mapped = fd >= 0 ? map(fd, error) : NULL;
    bool did = mapped != NULL &&
               (hash_owner(owner, &mapped->owner) || error_set_memory(error, "a journal's tail"));
    if (did) {
        struct order_tail tail = {.mapped = mapped};
        memcpy(mapped->magic, MAGIC, sizeof mapped->magic);
        mapped->boot = clock_boot();
        order_tail_drop(&tail, order->taken);
        (void)order_tail_note(&tail, order);
        did = rename(beside, path) == 0 || error_set_errno(error, errno, "cannot rename it");
    }
    if (fd >= 0)
        close(fd);
    if (!did && fd >= 0)
        unlink(beside);
    if (!did && mapped != NULL)
        munmap(mapped, sizeof *mapped);
    free(beside);
    return did ? mapped : NULL;
}

struct order_tail *order_tail_new(const char *path, const struct journal_owner *owner,
                                  const struct order *order, struct error *error) {
    struct order_tail *tail = calloc(1, sizeof *tail);
    if (tail == NULL)
        error_set_memory(error, "a journal's tail");
    else if ((tail->mapped = make_file(path, owner, order, error)) != NULL)
        return tail;
    error_prefix(error, "%s: ", path);
    free(tail);
    return NULL;
}

void order_tail_free(struct order_tail *tail) {
    if (tail == NULL)
        return;
    munmap(tail->mapped, sizeof *tail->mapped);
    free(tail);
}

/* ---- noting ---- */

bool order_tail_note(struct order_tail *tail, const struct order *order) {
    struct mapped *mapped = tail->mapped;
    if (tail->is_closed)
        return true;
    order_tail_drop(tail, order_begin(order)); /* of checkpoints that are no longer needed */
    const uint64_t begin = atomic_load_explicit(&mapped->begin, memory_order_relaxed);
    const uint64_t had = atomic_load_explicit(&mapped->end, memory_order_relaxed);
    const uint64_t room = begin + ORDER_TAIL_RUNS;
    const uint64_t end = order_end(order) < room ? order_end(order) : room;
    for (uint64_t i = had > begin ? had - 1 : begin; i < end; i++) /* the last one may have grown */
        mapped->runs[i % ORDER_TAIL_RUNS] = *order_at(order, i);
    if (end > had)
        atomic_store_explicit(&mapped->end, end, memory_order_release);
    return end - begin <= ORDER_TAIL_RUNS / 2;
}

void order_tail_drop(struct order_tail *tail, uint64_t index) {
    struct mapped *mapped = tail->mapped;
    if (!tail->is_closed && index <= atomic_load_explicit(&mapped->begin, memory_order_relaxed))
        return;
    atomic_store_explicit(&mapped->begin, index, memory_order_release);
    if (index > atomic_load_explicit(&mapped->end, memory_order_relaxed) || tail->is_closed)
        atomic_store_explicit(&mapped->end, index, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst); /* before their places are reused */
    tail->is_closed = false;
}

void order_tail_cut(struct order_tail *tail) {
    atomic_store_explicit(&tail->mapped->begin, UINT64_MAX, memory_order_release);
    tail->is_closed = true;
}

/* ---- the previous process ---- */

static bool is_ours(const struct mapped *former, const struct journal_owner *owner) {
    uint64_t hash;
    return memcmp(former->magic, MAGIC, sizeof former->magic) == 0 &&
           clock_is_this_boot(former->boot) && hash_owner(owner, &hash) && former->owner == hash;
}

static void add_run(const struct order_run *run, const int64_t *known, uint32_t stream_count,
                    struct order *order) {
    if (run->stream == ORDER_CLOCK && order->keeps_clocks)
        order_note_clock(order, run->from); /* harmless to repeat: what was due has fired */
    if (run->stream >= stream_count || run->from < 0 || run->from > INT64_MAX - UINT32_MAX)
        return;
    const int64_t end = run->from + run->span;
    const int64_t from = run->from > known[run->stream] ? run->from : known[run->stream];
    if (from >= end)
        return;
    order_note(order, run->stream, from);
    if (end - 1 > from)
        order_note(order, run->stream, end - 1); /* it continues to there */
}

void order_tail_read(const char *path, const struct journal_owner *owner, const int64_t *known,
                     uint32_t stream_count, struct order *order) {
    struct error error;
    size_t size = 0;
    const int fd = private_file_open(path, O_RDONLY, &error);
    struct mapped *former =
        fd >= 0 ? (struct mapped *)io_read_whole(fd, sizeof(struct mapped), &size) : NULL;
    if (fd >= 0)
        close(fd);
    if (former != NULL && size == sizeof *former && is_ours(former, owner)) {
        const uint64_t begin = former->begin, end = former->end;
        for (uint64_t i = begin; i < end && end - begin <= ORDER_TAIL_RUNS; i++)
            add_run(&former->runs[i % ORDER_TAIL_RUNS], known, stream_count, order);
    }
    free(former);
}
