#include "os/at_fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#define MOST_FDS 64

static _Atomic int held[MOST_FDS]; /* a descriptor and 1; 0: free */
extern atomic_bool at_fork_made_this;
atomic_bool at_fork_made_this;
static _Thread_local unsigned fork_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void note_fork(void) {
    fork_count++;
}

/* In the copy: async-signal-safe calls only, any lock may be held. */
static void let_go(void) {
    atomic_store(&at_fork_made_this, true);
    for (size_t i = 0; i < MOST_FDS; i++) {
        const int fd = atomic_load(&held[i]) - 1;
        if (fd >= 0)
            (void)close(fd);
    }
}

static void install(void) {
    (void)pthread_atfork(NULL, note_fork, let_go);
}

void at_fork_close(int fd) {
    (void)pthread_once(&once, install);
    for (size_t i = 0; i < MOST_FDS; i++) {
        int free_entry = 0;
        if (atomic_compare_exchange_strong(&held[i], &free_entry, fd + 1))
            return;
    }
}

void at_fork_forget(int fd) {
    for (size_t i = 0; i < MOST_FDS; i++) {
        int entry = fd + 1;
        if (atomic_compare_exchange_strong(&held[i], &entry, 0))
            return;
    }
}

unsigned at_fork_count(void) {
    (void)pthread_once(&once, install);
    return fork_count;
}

void at_fork_adopt(void) {
    atomic_store(&at_fork_made_this, false);
}
