#include "engine/crash/call_table.h"

#include "base/clock.h"
#include "base/text.h"
#include "os/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC       "take5ih3"
#define NAMES       1024
#define TOPICS      4096  /* that a file can have: one with more is damaged */
#define SLOTS       65536 /* likewise */
#define ALIGN(size) (((size) + 63) & ~(size_t)63)

enum note_state { NOTE_FREE = 0, NOTE_COMPLETE, NOTE_FILED };

struct note {
    _Atomic uint32_t state;
    int32_t what;
    uint32_t is_certain;
    uint32_t mark, callback;
    int32_t partition;
    int64_t offset;
    int64_t time_s;
    uint64_t topic; /* an address, as in `struct topic` */
    uint64_t address;
    uint32_t frame_count;
    uint32_t time_rest_ns; /* what is to be added to time_s */
    uint64_t frames[CALL_TABLE_FRAMES];
    char at[LOCATE_PLACE];
};

struct topic {
    uint64_t address; /* by which a slot shows it */
    char name[256];
};

struct head {
    char magic[8];
    uint64_t size;
    int64_t pid;
    int64_t boot; /* clock_boot() */
    uint32_t slots, topics, names;
    _Atomic uint32_t notes_taken, is_clean;
    struct note notes[CALL_TABLE_NOTES];
};

struct slot {
    _Alignas(64) struct current_call current_call;
};

struct call_table {
    int fd; /* -1: memory alone */
    bool is_mapped;
    size_t size;
    struct head *head;
    struct slot *slots;
    struct topic *topics;
    struct call_table_name *names;
};

/* ---- layout ---- */

static size_t size_of(size_t slots, size_t topics, size_t names) {
    return ALIGN(sizeof(struct head)) + ALIGN(slots * sizeof(struct slot)) +
           ALIGN(topics * sizeof(struct topic)) + ALIGN(names * sizeof(struct call_table_name));
}

/* Sets the pointers to what the head says is there. */
static void find_parts(struct call_table *table) {
    char *at = (char *)table->head + ALIGN(sizeof(struct head));
    table->slots = (struct slot *)at;
    at += ALIGN(table->head->slots * sizeof(struct slot));
    table->topics = (struct topic *)at;
    at += ALIGN(table->head->topics * sizeof(struct topic));
    table->names = (struct call_table_name *)at;
}

/* The end of a text that another process wrote. */
static void close_texts(struct call_table *table) {
    for (size_t i = 0; i < table->head->topics; i++)
        table->topics[i].name[sizeof table->topics[i].name - 1] = '\0';
    for (size_t i = 0; i < CALL_TABLE_NOTES; i++)
        table->head->notes[i].at[LOCATE_PLACE - 1] = '\0';
    for (size_t i = 0; i < table->head->names; i++) {
        struct call_table_name *name = &table->names[i];
        name->deployment[sizeof name->deployment - 1] = '\0';
        name->strategy[sizeof name->strategy - 1] = '\0';
        name->version[sizeof name->version - 1] = '\0';
        name->hash[sizeof name->hash - 1] = '\0';
    }
}

/* Copies what fits. */
static void copy_text(char *to, size_t size, const char *from) {
    const size_t length = from != NULL ? strnlen(from, size - 1) : 0;
    if (length > 0)
        memcpy(to, from, length);
    to[length] = '\0';
}

/* ---- the process before ---- */

/* A copy of the file as `struct call_table`; NULL: there is nothing that can be read. */
static struct call_table *read_former(int fd) {
    struct stat status;
    struct call_table *table = calloc(1, sizeof *table);
    if (table == NULL || fstat(fd, &status) != 0 || (size_t)status.st_size < sizeof *table->head)
        goto failed;
    table->fd = -1;
    table->size = (size_t)status.st_size;
    table->head = aligned_alloc(64, ALIGN(table->size));
    if (table->head == NULL || pread(fd, table->head, table->size, 0) != (ssize_t)table->size)
        goto failed;
    const struct head *head = table->head;
    if (memcmp(head->magic, MAGIC, sizeof head->magic) != 0 || head->slots > SLOTS ||
        head->topics > TOPICS || head->names != NAMES || head->size != table->size ||
        size_of(head->slots, head->topics, head->names) != table->size)
        goto failed;
    find_parts(table);
    close_texts(table);
    return table;

failed:
    if (table != NULL)
        free(table->head);
    free(table);
    return NULL;
}

static void list_loaded(const struct call_table *table, struct text *loaded) {
    for (size_t i = 1; i < table->head->names; i++) {
        const struct call_table_name *name = &table->names[i];
        if (atomic_load(&name->is_used) != 0)
            text_printf(loaded, "%s%s", loaded->size > 0 ? ", " : "", name->deployment);
    }
}

/* What ended it was noted; else the strategies that were at work are suspect. What stands in a
 * crash file and names a strategy is reported with the crash file. */
static bool list_traces(const struct call_table *table, struct call_table_former *former) {
    const size_t most = CALL_TABLE_NOTES + table->head->slots;
    bool is_explained = false, is_noted = false;
    former->traces = calloc(most, sizeof *former->traces);
    if (former->traces == NULL)
        return false;
    for (int i = 0; i < CALL_TABLE_NOTES; i++) {
        struct call_table_trace *trace = &former->traces[former->count];
        if (!call_table_read_note(table, i, trace))
            continue;
        is_explained |= trace->is_named && trace->is_certain;
        trace->is_filed = call_table_is_filed(table, i);
        former->count += !trace->is_filed || !trace->is_named;
        is_noted = true;
    }
    for (size_t i = 0; i < table->head->slots && !is_explained; i++)
        former->count += call_table_read_slot(table, i, &former->traces[former->count]);
    former->is_other_boot = !clock_is_this_boot(table->head->boot);
    former->pid = table->head->pid;
    text_init(&former->loaded);
    former->is_silent = !is_noted && former->count == 0 && atomic_load(&table->head->is_clean) == 0;
    if (former->is_silent)
        list_loaded(table, &former->loaded);
    return true;
}

void call_table_former_release(struct call_table_former *former) {
    free(former->traces);
    text_release(&former->loaded);
    *former = (struct call_table_former){0};
}

/* ---- life ---- */

/* A lock of the process itself: a child that a strategy forked does not keep it. */
static bool lock(int fd, const char *path, struct error *error) {
    struct flock wanted = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &wanted) == 0)
        return true;
    if (errno != EACCES && errno != EAGAIN)
        return error_set_errno(error, errno, "cannot lock %s", path);
    if (fcntl(fd, F_GETLK, &wanted) != 0 || wanted.l_type == F_UNLCK)
        wanted.l_pid = 0;
    return error_set(error, ERROR_STATE,
                     "%s: process %ld is using this state directory; stop it, or set [take5] "
                     "state_dir to another directory",
                     path, (long)wanted.l_pid);
}

/* Zeros over its whole length: room that is written is there, whatever becomes of the disk. */
static bool fill(int fd, size_t size) {
    static const char zeros[64 * 1024];
    if (ftruncate(fd, (off_t)size) != 0)
        return false;
    for (size_t at = 0; at < size;) {
        const size_t more = size - at < sizeof zeros ? size - at : sizeof zeros;
        const ssize_t written = pwrite(fd, zeros, more, (off_t)at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += (size_t)written;
    }
    return true;
}

static bool open_file(struct call_table *table, const struct call_table_options *options,
                      struct call_table_former *former, struct error *error) {
    char *path = text_format("%s/current_call", options->state_dir);
    bool did = false;
    if (path == NULL)
        return error_set_memory(error, "a path");
    table->fd = private_file_open(path, O_RDWR | O_CREAT, error);
    if (table->fd < 0 || !lock(table->fd, path, error))
        goto done;
    struct call_table *left = read_former(table->fd);
    if (left != NULL && !list_traces(left, former)) {
        error_set_memory(error, "the current calls of the previous process");
        call_table_close(left);
        goto done;
    }
    call_table_close(left);
    if (options->keep != NULL && !options->keep(options->context, former, error))
        goto done;
    did = fill(table->fd, table->size) ||
          error_set_errno(error, errno, "%s: no room for its %zu bytes", path, table->size);
done:
    free(path);
    return did;
}

struct call_table *call_table_open(const struct call_table_options *options,
                                   struct call_table_former *former, struct error *error) {
    struct call_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        error_set_memory(error, "the table of current calls");
        return NULL;
    }
    table->fd = -1;
    table->size = size_of(options->lanes + 1, options->topic_count, NAMES);
    if (options->state_dir != NULL && !open_file(table, options, former, error))
        goto failed;
    void *memory = mmap(NULL, table->size, PROT_READ | PROT_WRITE,
                        table->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, table->fd, 0);
    if (memory == MAP_FAILED) {
        error_set_errno(error, errno, "cannot map the table of current calls");
        goto failed;
    }
    /* A child that a strategy forks must not write into what is its parent's. */
    (void)madvise(memory, table->size, MADV_DONTFORK);
    table->head = memory;
    table->is_mapped = true;
    *table->head = (struct head){.size = table->size,
                                 .pid = getpid(),
                                 .boot = clock_boot(),
                                 .slots = (uint32_t)options->lanes + 1,
                                 .topics = (uint32_t)options->topic_count,
                                 .names = NAMES};
    find_parts(table);
    for (size_t i = 0; i < options->topic_count; i++) {
        table->topics[i].address = (uint64_t)(uintptr_t)options->topics[i];
        copy_text(table->topics[i].name, sizeof table->topics[i].name, options->topics[i]);
    }
    memcpy(table->head->magic, MAGIC, sizeof table->head->magic);
    return table;

failed:
    call_table_close(table);
    return NULL;
}

void call_table_end_cleanly(struct call_table *table) {
    atomic_store(&table->head->is_clean, 1);
}

void call_table_close(struct call_table *table) {
    if (table == NULL)
        return;
    if (table->is_mapped)
        (void)munmap(table->head, table->size);
    else
        free(table->head);
    if (table->fd >= 0)
        (void)close(table->fd);
    free(table);
}

struct current_call *call_table_slot(struct call_table *table, size_t slot) {
    return slot < table->head->slots ? &table->slots[slot].current_call : NULL;
}

size_t call_table_slot_count(const struct call_table *table) {
    return table->head->slots;
}

/* ---- names ---- */

struct search {
    uint64_t inside;
    struct call_table_name *name;
    char libraries[4096]; /* where they lie, with the last '/' */
    size_t length, count;
};

/* Where the object's segments begin and end. */
static struct call_table_extent extent_of(const struct dl_phdr_info *info) {
    uint64_t from = UINT64_MAX, to = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const uint64_t begin = info->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD)
            continue;
        from = begin < from ? begin : from;
        to = begin + header->p_memsz > to ? begin + header->p_memsz : to;
    }
    return (struct call_table_extent){from, to};
}

/* The directory of the libraries that belong to NAME.so: NAME.d. */
static void set_directory(struct search *search, const char *path) {
    const size_t length = strlen(path);
    if (length < 3 || length + 2 > sizeof search->libraries ||
        strcmp(path + length - 3, ".so") != 0)
        return;
    memcpy(search->libraries, path, length - 3);
    memcpy(search->libraries + length - 3, ".d/", 4);
    search->length = length;
}

/* Whether the object's segments hold the address. */
static int find_file(struct dl_phdr_info *info, size_t size, void *context) {
    struct search *search = context;
    const struct call_table_extent extent = extent_of(info);
    (void)size;
    if (search->inside < extent.from || search->inside >= extent.to)
        return 0;
    search->name->code_from = extent.from;
    search->name->code_to = extent.to;
    set_directory(search, info->dlpi_name);
    return 1;
}

static int find_library(struct dl_phdr_info *info, size_t size, void *context) {
    struct search *search = context;
    (void)size;
    if (search->count < CALL_TABLE_LIBRARIES &&
        strncmp(info->dlpi_name, search->libraries, search->length) == 0)
        search->name->libraries[search->count++] = extent_of(info);
    return 0;
}

/* Where the file of which `code` is and its libraries are mapped. */
static void find_code(struct call_table_name *name, const void *code) {
    struct search search = {.inside = (uint64_t)(uintptr_t)code, .name = name};
    name->code_from = name->code_to = 0;
    memset(name->libraries, 0, sizeof name->libraries);
    if (code == NULL)
        return;
    (void)dl_iterate_phdr(find_file, &search);
    if (search.length > 0)
        (void)dl_iterate_phdr(find_library, &search);
}

/* One that was never used, else one that is free again: what is gone stays readable for long. */
static uint32_t free_name(const struct call_table *table) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < table->head->names; i++) {
        if (atomic_load(&table->names[i].is_used) != 0)
            continue;
        if (table->names[i].deployment[0] == '\0')
            return i;
        if (found == 0)
            found = i;
    }
    return found;
}

uint32_t call_table_add_name(struct call_table *table, const struct instance_spec *spec,
                             const void *code) {
    const uint32_t mark = free_name(table);
    if (mark == 0)
        return 0;
    struct call_table_name *name = &table->names[mark];
    copy_text(name->deployment, sizeof name->deployment, spec->deployment);
    const struct description *description = spec->description;
    copy_text(name->strategy, sizeof name->strategy,
              description != NULL ? description->name : NULL);
    copy_text(name->version, sizeof name->version,
              description != NULL ? description->version : NULL);
    copy_text(name->hash, sizeof name->hash, spec->hash);
    name->generation = spec->generation;
    find_code(name, code);
    atomic_store(&name->is_used, 1);
    return mark;
}

void call_table_drop_name(struct call_table *table, uint32_t mark) {
    if (mark > 0 && mark < table->head->names)
        atomic_store(&table->names[mark].is_used, 0);
}

static bool has_code(const struct call_table_name *name, uint64_t address) {
    if (address >= name->code_from && address < name->code_to)
        return true;
    for (size_t i = 0; i < CALL_TABLE_LIBRARIES && name->libraries[i].to != 0; i++) {
        if (address >= name->libraries[i].from && address < name->libraries[i].to)
            return true;
    }
    return false;
}

uint32_t call_table_find_code(const struct call_table *table, uint64_t address) {
    uint32_t gone = 0;
    for (uint32_t i = 1; i < table->head->names && address != 0; i++) {
        const struct call_table_name *name = &table->names[i];
        if (!has_code(name, address))
            continue;
        if (atomic_load(&name->is_used) != 0)
            return i;
        gone = i; /* a thread that a removed strategy left */
    }
    return gone;
}

const struct call_table_name *call_table_name(const struct call_table *table, uint32_t mark) {
    return &table->names[mark < table->head->names ? mark : 0];
}

/* ---- notes and traces ---- */

static const char *topic_at(const struct call_table *table, uint64_t address) {
    for (size_t i = 0; i < table->head->topics && address != 0; i++) {
        if (table->topics[i].address == address)
            return table->topics[i].name;
    }
    return address != 0 ? "?" : "";
}

static void name_trace(const struct call_table *table, uint32_t mark,
                       struct call_table_trace *trace) {
    const struct call_table_name *name = call_table_name(table, mark);
    trace->is_named = true;
    memcpy(&trace->name, name, sizeof trace->name);
    if (mark == 0) /* more deployments than there is room for names */
        copy_text(trace->name.deployment, sizeof trace->name.deployment, "?");
}

int call_table_note(struct call_table *table, int32_t what, bool is_certain,
                    const struct current_call *current_call, uint64_t address) {
    const uint32_t number = atomic_fetch_add(&table->head->notes_taken, 1);
    if (number >= CALL_TABLE_NOTES)
        return -1;
    struct note *note = &table->head->notes[number];
    const int64_t now_ns = clock_wall_ns();
    note->what = what;
    note->is_certain = is_certain;
    note->time_s = now_ns / NS_PER_S;
    note->time_rest_ns = (uint32_t)(now_ns % NS_PER_S);
    note->address = address;
    note->offset = -1;
    note->partition = -1;
    if (current_call != NULL)
        note->callback = atomic_load(&current_call->callback);
    if (note->callback != CALLBACK_NONE) {
        note->mark = atomic_load(&current_call->mark);
        note->topic = (uint64_t)(uintptr_t)atomic_load(&current_call->topic);
        note->partition = atomic_load(&current_call->partition);
        note->offset = atomic_load(&current_call->offset);
    }
    atomic_store(&note->state, NOTE_COMPLETE);
    return (int)number;
}

void call_table_add_frames(struct call_table *table, int number, void *const *frames,
                           size_t count) {
    if (number < 0)
        return;
    struct note *note = &table->head->notes[number];
    note->frame_count = 0;
    for (size_t i = 0; i < count && i < CALL_TABLE_FRAMES; i++)
        note->frames[note->frame_count++] = (uint64_t)(uintptr_t)frames[i];
    for (size_t i = 0; i < note->frame_count && note->callback == CALLBACK_NONE; i++) {
        note->mark = call_table_find_code(table, note->frames[i]);
        if (note->mark != 0)
            note->callback = CALLBACK_THREAD;
    }
}

void call_table_set_place(struct call_table *table, int number, const char *text) {
    if (number < 0)
        return;
    char *at = table->head->notes[number].at;
    size_t length = 0;
    for (; length + 1 < LOCATE_PLACE && text[length] != '\0' && text[length] != '\n'; length++)
        at[length] = text[length];
    at[length] = '\0';
}

bool call_table_read_note(const struct call_table *table, int number,
                          struct call_table_trace *trace) {
    const struct note *note = &table->head->notes[number];
    memset(trace, 0, sizeof *trace);
    const uint32_t state = atomic_load(&note->state);
    if (state != NOTE_COMPLETE && state != NOTE_FILED)
        return false;
    trace->what = note->what;
    trace->is_certain = note->is_certain != 0;
    trace->pid = table->head->pid;
    trace->time_ns = call_table_time_ns(note->time_s) + note->time_rest_ns;
    trace->address = note->address;
    trace->callback = note->callback;
    trace->partition = note->partition;
    trace->offset = note->offset;
    trace->frame_count =
        note->frame_count < CALL_TABLE_FRAMES ? note->frame_count : CALL_TABLE_FRAMES;
    memcpy(trace->frames, note->frames, sizeof trace->frames);
    copy_text(trace->at, sizeof trace->at, note->at);
    copy_text(trace->topic, sizeof trace->topic, topic_at(table, note->topic));
    if (note->callback != CALLBACK_NONE)
        name_trace(table, note->mark, trace);
    return true;
}

void call_table_set_filed(struct call_table *table, int note) {
    atomic_store(&table->head->notes[note].state, NOTE_FILED);
}

bool call_table_is_filed(const struct call_table *table, int note) {
    return atomic_load(&table->head->notes[note].state) == NOTE_FILED;
}

bool call_table_read_slot(const struct call_table *table, size_t slot,
                          struct call_table_trace *trace) {
    const struct current_call *current_call = &table->slots[slot].current_call;
    memset(trace, 0, sizeof *trace);
    trace->callback = atomic_load(&current_call->callback);
    if (trace->callback == CALLBACK_NONE)
        return false;
    trace->what = CALL_TABLE_UNEXPLAINED;
    trace->pid = table->head->pid;
    trace->partition = atomic_load(&current_call->partition);
    trace->offset = atomic_load(&current_call->offset);
    copy_text(trace->topic, sizeof trace->topic,
              topic_at(table, (uint64_t)(uintptr_t)atomic_load(&current_call->topic)));
    name_trace(table, atomic_load(&current_call->mark), trace);
    return true;
}
