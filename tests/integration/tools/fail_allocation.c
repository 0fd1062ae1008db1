/*
 * Preloaded into a host under test: counts the allocations that the program's own code makes, by
 * where they are made, and fails the one that the test chose. What libraries allocate is left
 * alone.
 *
 * A *site* is a call stack: the return addresses inside the program, relative to its start, the
 * nearest DEPTH of them. The same in each run of one binary, whatever the addresses are.
 *
 * Test and process share the file $TAKE5_ALLOCATIONS, a `struct ledger` (allocation.py knows its
 * layout). The first process whose first argument is $TAKE5_ALLOCATIONS_OF takes it; any other that
 * inherits the environment, such as a rehearsal, runs as if this library were not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#define DEPTH 6
#define SITES 16384 /* a power of two */

struct site {
    _Atomic uint64_t id; /* 0: free */
    _Atomic uint64_t count;
    uint64_t frames[DEPTH]; /* relative to the program; 0: fewer */
};

struct ledger {
    _Atomic uint64_t process; /* who took it */
    _Atomic uint64_t target;  /* the site to fail at; 0: none */
    _Atomic uint64_t number;  /* which of its allocations fails, from 1; 0: every one */
    _Atomic uint64_t failed;  /* how many were failed */
    _Atomic uint64_t lost;    /* sites that found no room */
    uint64_t unused[3];
    struct site sites[SITES];
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static uintptr_t base, program_from, program_to;
static struct ledger *ledger; /* NULL: this process is none of ours */
static _Thread_local bool is_inside;

static int find_program(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & PF_X) != 0) {
            program_from = base + part->p_vaddr;
            program_to = program_from + part->p_memsz;
        }
    }
    return 1; /* the program comes first */
}

/* glibc gives constructors the program's arguments. */
__attribute__((constructor)) static void take_ledger(int count, char **arguments) {
    const char *path = getenv("TAKE5_ALLOCATIONS"), *of = getenv("TAKE5_ALLOCATIONS_OF");
    if (path == NULL || of == NULL || count < 2 || strcmp(arguments[1], of) != 0)
        return;
    dl_iterate_phdr(find_program, NULL);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        abort();
    struct ledger *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED)
        abort();
    uint64_t nobody = 0;
    if (atomic_compare_exchange_strong(&mapped->process, &nobody, (uint64_t)getpid()))
        ledger = mapped;
}

struct stack {
    uint64_t frames[DEPTH];
    int count;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *argument) {
    struct stack *stack = argument;
    const uintptr_t address = _Unwind_GetIP(context);
    if (address >= program_from && address < program_to)
        stack->frames[stack->count++] = address - base;
    return stack->count < DEPTH ? _URC_NO_REASON : _URC_NORMAL_STOP;
}

static uint64_t id_of(const struct stack *stack) {
    uint64_t id = 14695981039346656037U; /* FNV-1a over the frames */
    for (int i = 0; i < stack->count; i++)
        id = (id ^ stack->frames[i]) * 1099511628211U;
    return id != 0 ? id : 1;
}

static struct site *site_of(const struct stack *stack, uint64_t id) {
    for (uint64_t i = 0; i < SITES; i++) {
        struct site *site = &ledger->sites[(id + i) % SITES];
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&site->id, &there, id))
            memcpy(site->frames, stack->frames, sizeof site->frames);
        if (there == 0 || there == id)
            return site;
    }
    return NULL;
}

static bool does_fail(const void *caller) {
    const uintptr_t address = (uintptr_t)caller;
    if (ledger == NULL || is_inside || address < program_from || address >= program_to)
        return false;
    struct stack stack = {.count = 0};
    is_inside = true;
    _Unwind_Backtrace(take_frame, &stack);
    is_inside = false;
    const uint64_t id = id_of(&stack);
    struct site *site = site_of(&stack, id);
    if (site == NULL) {
        atomic_fetch_add(&ledger->lost, 1);
        return false;
    }
    const uint64_t number = atomic_fetch_add(&site->count, 1) + 1;
    const uint64_t wanted = atomic_load(&ledger->number);
    if (atomic_load(&ledger->target) != id || (wanted != 0 && number != wanted))
        return false;
    atomic_fetch_add(&ledger->failed, 1);
    errno = ENOMEM;
    return true;
}

#define FAILS does_fail(__builtin_return_address(0))

void *malloc(size_t size) {
    return FAILS ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return FAILS ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    return FAILS ? NULL : __libc_realloc(memory, size);
}

void *reallocarray(void *memory, size_t count, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return FAILS ? NULL : __libc_realloc(memory, all);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return FAILS ? NULL : __libc_memalign(alignment, size);
}

static char *copy(const char *text, size_t size) {
    char *copied = __libc_malloc(size + 1);
    if (copied != NULL) {
        memcpy(copied, text, size);
        copied[size] = '\0';
    }
    return copied;
}

char *strdup(const char *text) {
    return FAILS ? NULL : copy(text, strlen(text));
}

char *strndup(const char *text, size_t size) {
    return FAILS ? NULL : copy(text, strnlen(text, size));
}
