/*
 * Leaves something behind when it goes; what, the name of the build says:
 *
 *   leaves_file      a file descriptor
 *   leaves_memory    a block of memory, each time
 *   leaves_refused   a block of memory when it refuses a state
 *   leaves_mapping   a mapping that malloc knows nothing of
 *   leaves_handler   a signal handler in the process
 *   leaves_mask      another file mode mask
 *   thread_in_create nothing, but begins a thread before it is activated
 */
#include "plugin.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { A_FILE = 1, MEMORY, REFUSED, MAPPING, HANDLER, MASK, THREAD };

struct leaver {
    t5_host *host;
    uint64_t messages;
    pthread_t thread;
    int pipe[2];
};

static void *wait_for_end(void *self) {
    const struct leaver *leaver = self;
    char byte;
    (void)!read(leaver->pipe[0], &byte, 1);
    return NULL;
}

static int32_t begin_thread(struct leaver *leaver) {
    if (pipe2(leaver->pipe, O_CLOEXEC) != 0 ||
        pthread_create(&leaver->thread, NULL, wait_for_end, leaver) != 0)
        return t5_fail(leaver->host, "no thread");
    return T5_OK;
}

static int32_t create(const t5_create_args *args, void **self) {
    struct leaver *leaver = calloc(1, sizeof *leaver);
    if (leaver == NULL)
        return t5_fail(args->host, "no memory");
    leaver->host = args->host;
    *self = leaver;
    return LEAVES == THREAD ? begin_thread(leaver) : T5_OK;
}

static void destroy(void *self) {
    struct leaver *leaver = self;
    if (LEAVES == THREAD) {
        (void)close(leaver->pipe[1]);
        (void)pthread_join(leaver->thread, NULL);
        (void)close(leaver->pipe[0]);
    }
    if (LEAVES != MEMORY)
        free(leaver);
}

static void handle(int number) {
    (void)number;
}

static void activate(void *self, const t5_activate_args *args) {
    (void)self;
    (void)args;
    if (LEAVES == A_FILE)
        (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (LEAVES == MAPPING)
        (void)mmap(NULL, 1 << 16, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (LEAVES == HANDLER)
        (void)signal(SIGPIPE, handle);
    if (LEAVES == MASK)
        (void)umask(0111);
}

static int32_t on_message(void *self, const t5_message *message) {
    struct leaver *leaver = self;
    (void)message;
    leaver->messages++;
    return T5_OK;
}

static int32_t save(void *self, const t5_save_args *args) {
    struct leaver *leaver = self;
    (void)args;
    return t5_record_write(leaver->host, T5_NO_SYMBOL, &leaver->messages, sizeof leaver->messages);
}

static int32_t load(void *self, const t5_load_args *args) {
    struct leaver *leaver = self;
    t5_record record;
    char *copy = malloc(100);
    (void)args;
    if (copy == NULL || t5_record_read(leaver->host, &record) != T5_OK ||
        record.data_size != sizeof leaver->messages) {
        if (LEAVES != REFUSED)
            free(copy);
        return t5_fail(leaver->host, "no count");
    }
    memcpy(copy, record.data, record.data_size);
    memcpy(&leaver->messages, copy, sizeof leaver->messages);
    free(copy);
    return T5_OK;
}

T5_STRATEGY(PLUGIN_NAME, "1.0.0", .topics = bar_trends, .state_version = 1, .create = create,
            .destroy = destroy, .activate = activate, .load = load, .on_message = on_message,
            .save = save);
