#include "engine/crash.h"

#include "base/clock.h"
#include "base/text.h"
#include "engine/partition.h"

#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ALT_STACK_SIZE (64 * 1024)
#define MAX_FRAMES     64

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/* The handlers' own; set before they are installed. */
static char crash_dir[1024];
static __thread struct in_hand *thread_in_hand;
static __thread void *thread_stack;
static atomic_flag is_crashing = ATOMIC_FLAG_INIT;

/* ---- async-signal-safe writing ---- */

struct writer {
    int fds[2];
};

static void put(const struct writer *writer, const char *text) {
    for (size_t i = 0; i < 2; i++) {
        const char *at = text;
        size_t left = strlen(text);
        while (writer->fds[i] >= 0 && left > 0) {
            const ssize_t written = write(writer->fds[i], at, left);
            if (written <= 0)
                break;
            at += written;
            left -= (size_t)written;
        }
    }
}

static char *digits(int64_t number, char buffer[24]) {
    char *at = buffer + 23;
    uint64_t rest = number < 0 ? (uint64_t)0 - (uint64_t)number : (uint64_t)number;
    *at = '\0';
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        *--at = '-';
    return at;
}

static void put_number(const struct writer *writer, int64_t number) {
    char buffer[24];
    put(writer, digits(number, buffer));
}

static void put_line(const struct writer *writer, const char *key, const char *value) {
    put(writer, key);
    put(writer, " = ");
    put(writer, value);
    put(writer, "\n");
}

static int open_crash_file(void) {
    char path[sizeof crash_dir + 64];
    char buffer[24];
    if (crash_dir[0] == '\0')
        return -1;
    strcpy(path, crash_dir);
    strcat(path, "/");
    strcat(path, digits((int64_t)time(NULL), buffer));
    strcat(path, "-");
    strcat(path, digits((int64_t)getpid(), buffer));
    strcat(path, ".crash");
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *signal_text(int number) {
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    case SIGABRT:
        return "SIGABRT";
    default:
        return "hang";
    }
}

static void put_in_hand(const struct writer *writer, const struct in_hand *in_hand) {
    struct instance *instance =
        in_hand != NULL ? atomic_load_explicit(&in_hand->instance, memory_order_relaxed) : NULL;
    const uint32_t callback =
        in_hand != NULL ? atomic_load_explicit(&in_hand->callback, memory_order_relaxed) : 0;
    if (instance == NULL || callback == CALLBACK_NONE) {
        put_line(writer, "in_hand", "no strategy");
        return;
    }
    const struct blueprint *blueprint = instance_blueprint(instance);
    put_line(writer, "deployment", blueprint->deployment);
    put_line(writer, "strategy", blueprint->description->name);
    put_line(writer, "version", blueprint->description->version);
    put(writer, "generation = ");
    put_number(writer, blueprint->generation);
    put(writer, "\n");
    put_line(writer, "hash", blueprint->hash != NULL ? blueprint->hash : "?");
    put_line(writer, "callback", callback_name((enum callback)callback));
    const char *topic = atomic_load_explicit(&in_hand->topic, memory_order_relaxed);
    put_line(writer, "topic", topic != NULL ? topic : "none");
    put(writer, "partition = ");
    put_number(writer, atomic_load_explicit(&in_hand->partition, memory_order_relaxed));
    put(writer, "\noffset = ");
    put_number(writer, atomic_load_explicit(&in_hand->offset, memory_order_relaxed));
    put(writer, "\n");
}

static void write_crash(int number, const struct in_hand *in_hand) {
    const struct writer writer = {{STDERR_FILENO, open_crash_file()}};
    put(&writer, "take5 crashed\n");
    put_line(&writer, "what", signal_text(number));
    put(&writer, "time = ");
    put_number(&writer, (int64_t)time(NULL));
    put(&writer, "\n");
    put_in_hand(&writer, in_hand);
    put(&writer, "backtrace:\n");
    void *frames[MAX_FRAMES];
    const int count = number != 0 ? backtrace(frames, MAX_FRAMES) : 0;
    for (size_t i = 0; i < 2 && count > 0; i++) {
        if (writer.fds[i] >= 0)
            backtrace_symbols_fd(frames, count, writer.fds[i]);
    }
    if (writer.fds[1] >= 0) {
        fsync(writer.fds[1]);
        close(writer.fds[1]);
    }
}

static void on_crash(int number) {
    if (!atomic_flag_test_and_set(&is_crashing))
        write_crash(number, thread_in_hand);
    signal(number, SIG_DFL);
    raise(number);
}

void crash_write_hang(const struct in_hand *in_hand, int64_t stuck_ns) {
    (void)stuck_ns;
    if (!atomic_flag_test_and_set(&is_crashing))
        write_crash(0, in_hand);
}

bool crash_install(const char *state_dir, struct error *error) {
    if (strlen(state_dir) + sizeof "/crash" > sizeof crash_dir)
        return error_set(error, ERROR_INVALID, "%s: path too long for crash files", state_dir);
    snprintf(crash_dir, sizeof crash_dir, "%s/crash", state_dir);
    if (mkdir(crash_dir, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot make %s", crash_dir);
    /* The first call loads libgcc, which a signal handler must not. */
    void *frame[1];
    (void)backtrace(frame, 1);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++) {
        if (sigaction(crash_signals[i], &action, NULL) != 0)
            return error_set_errno(error, errno, "cannot handle %s", signal_text(crash_signals[i]));
    }
    return true;
}

bool crash_enter_thread(struct in_hand *in_hand) {
    thread_in_hand = in_hand;
    void *memory =
        mmap(NULL, ALT_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    const stack_t stack = {.ss_sp = memory, .ss_size = ALT_STACK_SIZE};
    if (sigaltstack(&stack, NULL) != 0) {
        munmap(memory, ALT_STACK_SIZE);
        return false;
    }
    thread_stack = memory;
    return true;
}

void crash_leave_thread(void) {
    thread_in_hand = NULL;
    if (thread_stack == NULL)
        return;
    const stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    munmap(thread_stack, ALT_STACK_SIZE);
    thread_stack = NULL;
}

/* ---- what earlier processes left ---- */

/* Copies what fits. */
static void copy_value(char *to, size_t size, const char *value) {
    const size_t length = strnlen(value, size - 1);
    memcpy(to, value, length);
    to[length] = '\0';
}

static void take_line(struct crash_record *record, const char *line) {
    char key[32], value[300];
    if (sscanf(line, "%31[a-z_] = %299[^\n]", key, value) != 2)
        return;
    if (strcmp(key, "deployment") == 0)
        copy_value(record->deployment, sizeof record->deployment, value);
    else if (strcmp(key, "hash") == 0)
        copy_value(record->hash, sizeof record->hash, value);
    else if (strcmp(key, "what") == 0)
        copy_value(record->what, sizeof record->what, value);
    else if (strcmp(key, "callback") == 0)
        copy_value(record->callback, sizeof record->callback, value);
    else if (strcmp(key, "topic") == 0)
        copy_value(record->topic, sizeof record->topic, value);
    else if (strcmp(key, "partition") == 0)
        record->partition = strtoll(value, NULL, 10);
    else if (strcmp(key, "offset") == 0)
        record->offset = strtoll(value, NULL, 10);
    else if (strcmp(key, "time") == 0)
        record->time_s = strtoll(value, NULL, 10);
}

static bool read_crash(const char *directory, const char *name, struct crash_record *record) {
    char line[512];
    char *path = text_format("%s/%s", directory, name);
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    free(path);
    memset(record, 0, sizeof *record);
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL)
        take_line(record, line);
    fclose(file);
    return record->deployment[0] != '\0' && record->hash[0] != '\0';
}

static int compare_times(const void *a, const void *b) {
    const struct crash_record *first = a, *second = b;
    return (first->time_s > second->time_s) - (first->time_s < second->time_s);
}

struct crash_record *crash_recent(const char *state_dir, int64_t within_ns, size_t *count) {
    struct crash_record *records = NULL;
    *count = 0;
    char *directory = text_format("%s/crash", state_dir);
    DIR *dir = directory != NULL ? opendir(directory) : NULL;
    const int64_t since_s = clock_wall_ns() / NS_PER_S - within_ns / NS_PER_S;
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        struct crash_record record;
        const size_t length = strlen(entry->d_name);
        if (length < 6 || strcmp(entry->d_name + length - 6, ".crash") != 0 ||
            !read_crash(directory, entry->d_name, &record) || record.time_s < since_s)
            continue;
        struct crash_record *grown = realloc(records, (*count + 1) * sizeof *records);
        if (grown == NULL)
            break;
        records = grown;
        records[(*count)++] = record;
    }
    if (dir != NULL)
        closedir(dir);
    free(directory);
    if (*count > 1)
        qsort(records, *count, sizeof *records, compare_times);
    return records;
}
