/*
 * Allocations of a strategy that fail on demand.
 *
 * A file calls malloc through a slot that the loader fills in. The slots of the strategy's file
 * (and of the C++ library, whose operator new calls malloc) are pointed to the functions below,
 * which count and pass on. So the strategy is tested as it is built, be it a file that was opened
 * or a part of the test program; nothing needs to be linked in a special way, and neither the
 * host's allocations nor the test's are touched.
 *
 * Slots stay hooked for good: a mapped file is never unmapped, and outside of a kit's callbacks the
 * functions only pass on.
 */
#include "kit.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the functions that take malloc's place ---- */

/* Whether this allocation is one that shall fail; counts it. */
static bool fails(void) {
    t5_kit *kit = kit_current;
    if (kit == NULL || kit->callbacks == 0 || kit->services_current_call > 0 || !kit->is_hooked)
        return false;
    kit->allocations++;
    if (kit->allocation_fails_at == 0 || kit->allocations != kit->allocation_fails_at)
        return false;
    errno = ENOMEM;
    return true;
}

/* The real ones, found once. Data races are none: every thread finds the same. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    char *(*strdup)(const char *);
    char *(*strndup)(const char *, size_t);
} real;

static void *hook_malloc(size_t size) {
    return fails() ? NULL : real.malloc(size);
}

static void *hook_calloc(size_t count, size_t size) {
    return fails() ? NULL : real.calloc(count, size);
}

static void *hook_realloc(void *memory, size_t size) {
    return fails() ? NULL : real.realloc(memory, size);
}

static void *hook_reallocarray(void *memory, size_t count, size_t size) {
    return fails() ? NULL : real.reallocarray(memory, count, size);
}

static void *hook_aligned_alloc(size_t alignment, size_t size) {
    return fails() ? NULL : real.aligned_alloc(alignment, size);
}

static int hook_posix_memalign(void **memory, size_t alignment, size_t size) {
    return fails() ? ENOMEM : real.posix_memalign(memory, alignment, size);
}

static char *hook_strdup(const char *text) {
    return fails() ? NULL : real.strdup(text);
}

static char *hook_strndup(const char *text, size_t size) {
    return fails() ? NULL : real.strndup(text, size);
}

/* The function of that name that a program gets by default. In a program that is not position
 * independent, the address of a function may be a stub of the program, which jumps through a slot
 * that is hooked: then the one behind it. */
static void *real_function(const char *name) {
    void *address = dlsym(RTLD_DEFAULT, name);
    Dl_info info;
    void *symbol = NULL;
    if (address != NULL && dladdr1(address, &info, &symbol, RTLD_DL_SYMENT) != 0 &&
        symbol != NULL && ((const ElfW(Sym) *)symbol)->st_shndx == SHN_UNDEF)
        address = dlsym(RTLD_NEXT, name);
    return address;
}

struct hook {
    const char *name;
    void *function;
    void **real;
};

/* A function's address as an object pointer, as POSIX has it in dlsym. */
#define FUNCTION(name) ((void *)(uintptr_t)(name))

#define HOOK(name)                                                                                 \
    { #name, FUNCTION(hook_##name), (void **)(void *)&real.name }

static const struct hook hooks[] = {
    HOOK(malloc),        HOOK(calloc),         HOOK(realloc), HOOK(reallocarray),
    HOOK(aligned_alloc), HOOK(posix_memalign), HOOK(strdup),  HOOK(strndup),
};

enum { HOOKS = sizeof hooks / sizeof *hooks };

static bool find_real(void) {
    for (size_t i = 0; i < HOOKS; i++) {
        void *address = real_function(hooks[i].name);
        if (address == NULL)
            return false;
        *hooks[i].real = address;
    }
    return true;
}

/*
 * operator new calls malloc in the C++ library, whose slots are hooked too. Where another operator
 * new stands before the library's (a sanitizer's, which does not call malloc), it is hooked itself
 * and throws what the library would throw.
 */
static struct {
    void *(*plain)(size_t);
    void *(*array)(size_t);
    void *(*plain_nothrow)(size_t, const void *);
    void *(*array_nothrow)(size_t, const void *);
    void (*throw_bad_alloc)(void);
    bool is_hooked;
} real_new;

static void *hook_new(size_t size) {
    if (fails())
        real_new.throw_bad_alloc();
    return real_new.plain(size);
}

static void *hook_new_array(size_t size) {
    if (fails())
        real_new.throw_bad_alloc();
    return real_new.array(size);
}

static void *hook_new_nothrow(size_t size, const void *nothrow) {
    return fails() ? NULL : real_new.plain_nothrow(size, nothrow);
}

static void *hook_new_array_nothrow(size_t size, const void *nothrow) {
    return fails() ? NULL : real_new.array_nothrow(size, nothrow);
}

#define PLACE(name) ((void **)(void *)&real_new.name)

/* Names as the Itanium C++ ABI spells them: new, new[], and both with std::nothrow. */
static const struct hook new_hooks[] = {
    {"_Znwm", FUNCTION(hook_new), PLACE(plain)},
    {"_Znam", FUNCTION(hook_new_array), PLACE(array)},
    {"_ZnwmRKSt9nothrow_t", FUNCTION(hook_new_nothrow), PLACE(plain_nothrow)},
    {"_ZnamRKSt9nothrow_t", FUNCTION(hook_new_array_nothrow), PLACE(array_nothrow)},
};

enum { NEW_HOOKS = sizeof new_hooks / sizeof *new_hooks };

static bool is_cxx_library(const char *path) {
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    return strncmp(name, "libstdc++.so", 12) == 0 || strncmp(name, "libc++.so", 9) == 0 ||
           strncmp(name, "libc++abi.so", 12) == 0;
}

/* Whether an operator new that is not the C++ library's comes first, and can be stood in for. */
static void find_new(void) {
    Dl_info info;
    for (size_t i = 0; i < NEW_HOOKS; i++) {
        void *address = dlsym(RTLD_DEFAULT, new_hooks[i].name);
        if (address == NULL || dladdr(address, &info) == 0 || is_cxx_library(info.dli_fname))
            return;
        *new_hooks[i].real = address;
    }
    void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    void *thrower = library != NULL ? dlsym(library, "_ZSt17__throw_bad_allocv") : NULL;
    *PLACE(throw_bad_alloc) = thrower;
    real_new.is_hooked = thrower != NULL;
}

static void *function_for(const char *name) {
    for (size_t i = 0; i < HOOKS; i++)
        if (strcmp(name, hooks[i].name) == 0)
            return hooks[i].function;
    for (size_t i = 0; i < NEW_HOOKS && real_new.is_hooked; i++)
        if (strcmp(name, new_hooks[i].name) == 0)
            return new_hooks[i].function;
    /* Older headers' name. */
    return strcmp(name, "__strdup") == 0 ? FUNCTION(hook_strdup) : NULL;
}

/* ---- a file's slots ---- */

#if defined(__x86_64__)
#define IS_SLOT(type) ((type) == R_X86_64_JUMP_SLOT || (type) == R_X86_64_GLOB_DAT)
#define IS_WORD(type) ((type) == R_X86_64_64)
#define CAN_HOOK      1
#elif defined(__aarch64__)
#define IS_SLOT(type) ((type) == R_AARCH64_JUMP_SLOT || (type) == R_AARCH64_GLOB_DAT)
#define IS_WORD(type) ((type) == R_AARCH64_ABS64)
#define CAN_HOOK      1
#else
#define IS_SLOT(type) ((void)(type), 0)
#define IS_WORD(type) ((void)(type), 0)
#define CAN_HOOK      0
#endif

/* What of a loaded file's dynamic section is of use here. */
struct file {
    ElfW(Addr) base;
    const ElfW(Phdr) * headers;
    size_t header_count;
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Rela) * plt, *rela;
    size_t plt_size, rela_size;
};

/* The loader has made most of these addresses absolute. */
static const void *at(const struct file *file, ElfW(Addr) address) {
    return (const void *)(address < file->base ? address + file->base : address);
}

static void read_dynamic(struct file *file, const ElfW(Dyn) * dynamic) {
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            file->symbols = at(file, dynamic->d_un.d_ptr);
            break;
        case DT_STRTAB:
            file->names = at(file, dynamic->d_un.d_ptr);
            break;
        case DT_JMPREL:
            file->plt = at(file, dynamic->d_un.d_ptr);
            break;
        case DT_PLTRELSZ:
            file->plt_size = dynamic->d_un.d_val;
            break;
        case DT_RELA:
            file->rela = at(file, dynamic->d_un.d_ptr);
            break;
        case DT_RELASZ:
            file->rela_size = dynamic->d_un.d_val;
            break;
        default:
            break;
        }
    }
}

/* Whether the loader has made the address read-only after it had filled it in. */
static bool is_sealed(const struct file *file, uintptr_t address) {
    for (size_t i = 0; i < file->header_count; i++) {
        const ElfW(Phdr) *header = &file->headers[i];
        if (header->p_type == PT_GNU_RELRO && address >= file->base + header->p_vaddr &&
            address < file->base + header->p_vaddr + header->p_memsz)
            return true;
    }
    return false;
}

static bool set_slot(const struct file *file, void **slot, void *function) {
    const size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = (void *)((uintptr_t)slot & ~(page_size - 1));
    const bool is_read_only = is_sealed(file, (uintptr_t)slot);
    if (is_read_only && mprotect(page, page_size, PROT_READ | PROT_WRITE) != 0)
        return false;
    *slot = function;
    if (is_read_only)
        (void)mprotect(page, page_size, PROT_READ);
    return true;
}

/* Gives how many slots are hooked. */
static size_t hook_relocations(const struct file *file, const ElfW(Rela) * relocations,
                               size_t size) {
    size_t hooked = 0;
    for (size_t i = 0; i < size / sizeof *relocations; i++) {
        const ElfW(Rela) *relocation = &relocations[i];
        const uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);
        const size_t symbol = ELF64_R_SYM(relocation->r_info);
        if (!IS_SLOT(type) && !(IS_WORD(type) && relocation->r_addend == 0))
            continue;
        void *function = function_for(file->names + file->symbols[symbol].st_name);
        if (function != NULL &&
            set_slot(file, (void **)(file->base + relocation->r_offset), function))
            hooked++;
    }
    return hooked;
}

struct search {
    uintptr_t address; /* of the strategy's code */
    bool is_found;     /* its file */
    size_t hooked;     /* slots of its file and the C++ library's */
};

static bool holds(const struct dl_phdr_info *info, uintptr_t address) {
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const uintptr_t begin = info->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && address >= begin && address < begin + header->p_memsz)
            return true;
    }
    return false;
}

static int hook_file(struct dl_phdr_info *info, size_t size, void *context) {
    struct search *search = context;
    (void)size;
    const bool is_strategy = holds(info, search->address);
    if (!is_strategy && !is_cxx_library(info->dlpi_name))
        return 0;
    struct file file = {
        .base = info->dlpi_addr, .headers = info->dlpi_phdr, .header_count = info->dlpi_phnum};
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            read_dynamic(&file, (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr));
    search->is_found |= is_strategy;
    if (file.symbols == NULL || file.names == NULL)
        return 0;
    search->hooked += hook_relocations(&file, file.plt, file.plt_size) +
                      hook_relocations(&file, file.rela, file.rela_size);
    return 0;
}

bool kit_hook_allocations(const void *code_address) {
    struct search search = {.address = (uintptr_t)code_address};
    if (!CAN_HOOK || !find_real())
        return false;
    find_new();
    (void)dl_iterate_phdr(hook_file, &search);
    return search.is_found && search.hooked > 0;
}

/* ---- the kit's calls ---- */

int32_t t5_kit_fail_allocation(t5_kit *kit, uint64_t nth) {
    if (kit->original == NULL)
        return kit_problem(kit, T5_KIT_MISUSE, "no strategy: open or use one first");
    if (!kit->is_hooked) {
        if (!kit_hook_allocations((const void *)(uintptr_t)kit->real.create))
            return kit_problem(kit, T5_ERROR,
                               "%s: its allocations cannot be reached: they are bound for good, or "
                               "there are none",
                               kit->path);
        kit->is_hooked = true;
    }
    kit->allocation_fails_at = nth > 0 ? kit->allocations + nth : 0;
    return T5_OK;
}

uint64_t t5_kit_allocations(const t5_kit *kit) {
    return kit->allocations;
}
