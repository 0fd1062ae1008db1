#include "strategy/plugin/elf_private.h"

#include "base/array.h"
#include "base/text.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A tag that no loader knows, in place of one that shall not be seen. */
#define TAG_IGNORED 0x6ffffe00

#define MOST_SEGMENTS 64

/* Views of one file; offsets are such that what they lead to lies inside it. */
struct image {
    char *bytes; /* written to in copies alone */
    size_t size;
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[MOST_SEGMENTS];
    size_t segment_count;
    size_t dynamic_at, dynamic_count; /* without DT_NULL and what follows */
    size_t strings_at, strings_size;
    struct error *error;
};

static bool refuse(const struct image *image, const char *what) {
    return error_set(image->error, ERROR_INVALID, "corrupt: %s; copy it again", what);
}

static bool is_inside(const struct image *image, uint64_t at, uint64_t size) {
    return at <= image->size && size <= image->size - at;
}

/* Where in the file that address lies; false when nothing of the file, or not all, is there. */
static bool find_address(const struct image *image, uint64_t address, uint64_t size, size_t *at) {
    for (size_t i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_type != PT_LOAD || address < segment->p_vaddr ||
            address - segment->p_vaddr > segment->p_filesz ||
            size > segment->p_filesz - (address - segment->p_vaddr))
            continue;
        const uint64_t offset = segment->p_offset + (address - segment->p_vaddr);
        *at = (size_t)offset;
        return is_inside(image, offset, size);
    }
    return false;
}

static ElfW(Dyn) dynamic_entry(const struct image *image, size_t i) {
    ElfW(Dyn) entry;
    memcpy(&entry, image->bytes + image->dynamic_at + i * sizeof entry, sizeof entry);
    return entry;
}

static void set_dynamic_entry(struct image *image, size_t i, ElfW(Dyn) entry) {
    memcpy(image->bytes + image->dynamic_at + i * sizeof entry, &entry, sizeof entry);
}

static bool find_tag(const struct image *image, int64_t tag, uint64_t *value) {
    for (size_t i = 0; i < image->dynamic_count; i++) {
        const ElfW(Dyn) entry = dynamic_entry(image, i);
        if (entry.d_tag == tag) {
            *value = entry.d_un.d_val;
            return true;
        }
    }
    return false;
}

/* A string of the dynamic string table; NULL when it has no end in there. */
static const char *string_at(const struct image *image, uint64_t offset) {
    if (offset >= image->strings_size)
        return NULL;
    const char *text = image->bytes + image->strings_at + offset;
    return memchr(text, '\0', image->strings_size - (size_t)offset) != NULL ? text : NULL;
}

static bool read_dynamic(struct image *image) {
    for (size_t i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_type != PT_DYNAMIC)
            continue;
        if (!is_inside(image, segment->p_offset, segment->p_filesz))
            return refuse(image, "its dynamic section is outside the file");
        image->dynamic_at = (size_t)segment->p_offset;
        const size_t most = (size_t)segment->p_filesz / sizeof(ElfW(Dyn));
        while (image->dynamic_count < most &&
               dynamic_entry(image, image->dynamic_count).d_tag != DT_NULL)
            image->dynamic_count++;
        return true;
    }
    return true; /* it needs nothing, then */
}

static bool open_image(struct image *image, char *bytes, size_t size, struct error *error) {
    uint64_t address = 0, length = 0;
    memset(image, 0, sizeof *image);
    image->bytes = bytes;
    image->size = size;
    image->error = error;
    if (size < sizeof image->header)
        return refuse(image, "it has no header");
    memcpy(&image->header, bytes, sizeof image->header);
    image->segment_count = image->header.e_phnum;
    if (image->segment_count > MOST_SEGMENTS)
        return refuse(image, "it has too many program headers");
    const size_t table = image->segment_count * sizeof *image->segments;
    if (image->header.e_phentsize != sizeof *image->segments ||
        !is_inside(image, image->header.e_phoff, table))
        return refuse(image, "its program headers are outside the file");
    memcpy(image->segments, bytes + image->header.e_phoff, table);
    if (!read_dynamic(image))
        return false;
    if (find_tag(image, DT_STRTAB, &address) && find_tag(image, DT_STRSZ, &length)) {
        if (!find_address(image, address, length, &image->strings_at))
            return refuse(image, "its dynamic strings are outside the file");
        image->strings_size = (size_t)length;
    }
    return true;
}

/* ---- symbols ---- */

struct symbols_at {
    size_t at, count;
};

/* The dynamic symbols, as many as the section headers tell: nothing else says it. False: they do
 * not tell of this table. */
static bool find_symbols(const struct image *image, struct symbols_at *found) {
    const ElfW(Ehdr) *header = &image->header;
    uint64_t address;
    found->count = 0;
    if (!find_tag(image, DT_SYMTAB, &address))
        return true;
    if (header->e_shentsize != sizeof(ElfW(Shdr)))
        return false;
    for (size_t i = 0; i < header->e_shnum; i++) {
        ElfW(Shdr) section;
        const uint64_t at = header->e_shoff + i * sizeof section;
        if (!is_inside(image, at, sizeof section))
            return false;
        memcpy(&section, image->bytes + at, sizeof section);
        if (section.sh_type != SHT_DYNSYM || section.sh_addr != address)
            continue;
        found->count = (size_t)section.sh_size / sizeof(ElfW(Sym));
        return find_address(image, address, section.sh_size, &found->at);
    }
    return false;
}

static ElfW(Sym) symbol_at(const struct image *image, const struct symbols_at *symbols, size_t i) {
    ElfW(Sym) symbol;
    memcpy(&symbol, image->bytes + symbols->at + i * sizeof symbol, sizeof symbol);
    return symbol;
}

static bool is_unique(const ElfW(Sym) * symbol) {
    return ELF64_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE;
}

static void count_unique(const struct image *image, struct elf_dynamic *dynamic) {
    struct symbols_at symbols;
    if (!find_symbols(image, &symbols))
        return;
    for (size_t i = 0; i < symbols.count; i++) {
        const ElfW(Sym) symbol = symbol_at(image, &symbols, i);
        if (!is_unique(&symbol) || symbol.st_shndx == SHN_UNDEF)
            continue;
        if (dynamic->unique_count++ == 0)
            dynamic->unique = string_at(image, symbol.st_name);
    }
}

static bool weaken_unique(struct image *image) {
    struct symbols_at symbols;
    if (!find_symbols(image, &symbols))
        return error_set(image->error, ERROR_INVALID,
                         "has no section headers for its dynamic symbols: do not strip "
                         "them");
    for (size_t i = 0; i < symbols.count; i++) {
        ElfW(Sym) symbol = symbol_at(image, &symbols, i);
        if (!is_unique(&symbol))
            continue;
        symbol.st_info = (unsigned char)ELF64_ST_INFO(
            symbol.st_shndx != SHN_UNDEF ? STB_WEAK : STB_GLOBAL, ELF64_ST_TYPE(symbol.st_info));
        memcpy(image->bytes + symbols.at + i * sizeof symbol, &symbol, sizeof symbol);
    }
    return true;
}

/* ---- reading ---- */

static void read_tls(const struct image *image, struct elf_dynamic *dynamic) {
    uint64_t flags = 0;
    if (!find_tag(image, DT_FLAGS, &flags) || (flags & DF_STATIC_TLS) == 0)
        return;
    for (size_t i = 0; i < image->segment_count; i++)
        if (image->segments[i].p_type == PT_TLS)
            dynamic->static_tls = image->segments[i].p_memsz;
}

bool elf_dynamic_read(const char *bytes, size_t size, struct elf_dynamic *dynamic,
                      struct error *error) {
    struct image image;
    uint64_t search;
    memset(dynamic, 0, sizeof *dynamic);
    if (!open_image(&image, (char *)bytes, size, error))
        return false;
    dynamic->needed = calloc(image.dynamic_count + 1, sizeof *dynamic->needed);
    if (dynamic->needed == NULL)
        return error_set_memory(error, "the needs of a shared object");
    for (size_t i = 0; i < image.dynamic_count; i++) {
        const ElfW(Dyn) entry = dynamic_entry(&image, i);
        if (entry.d_tag != DT_NEEDED)
            continue;
        const char *name = string_at(&image, entry.d_un.d_val);
        if (name == NULL) {
            elf_dynamic_release(dynamic);
            return refuse(&image, "the name of a library that it needs is unterminated");
        }
        dynamic->needed[dynamic->needed_count++] = name;
    }
    if (find_tag(&image, DT_RUNPATH, &search) || find_tag(&image, DT_RPATH, &search))
        dynamic->search = string_at(&image, search);
    count_unique(&image, dynamic);
    read_tls(&image, dynamic);
    return true;
}

void elf_dynamic_release(struct elf_dynamic *dynamic) {
    free(dynamic->needed);
    memset(dynamic, 0, sizeof *dynamic);
}

/* ---- the copy ---- */

/* Strings that are added behind the old table. */
struct renaming {
    struct image *image;
    struct text strings; /* the old ones, then the new */
    const char *(*place)(void *context, const char *needed);
    void *context;
    bool has_any;
};

/* Another offset for the string of a library's name, if it has a place. False: damaged. */
static bool rename_one(struct renaming *renaming, uint64_t offset, uint64_t *renamed) {
    const char *name = string_at(renaming->image, offset);
    if (name == NULL)
        return refuse(renaming->image, "the name of a library that it needs is unterminated");
    const char *path = renaming->place != NULL ? renaming->place(renaming->context, name) : NULL;
    *renamed = offset;
    if (path == NULL)
        return true;
    renaming->has_any = true;
    *renamed = renaming->strings.size;
    text_append(&renaming->strings, path, strlen(path) + 1);
    return true;
}

static bool rename_needs(struct renaming *renaming) {
    struct image *image = renaming->image;
    for (size_t i = 0; i < image->dynamic_count; i++) {
        ElfW(Dyn) entry = dynamic_entry(image, i);
        uint64_t renamed;
        if (entry.d_tag != DT_NEEDED)
            continue;
        if (!rename_one(renaming, entry.d_un.d_val, &renamed))
            return false;
        entry.d_un.d_val = renamed;
        set_dynamic_entry(image, i, entry);
    }
    return true;
}

/* The versions that it wants of a library name the library too, and must name it alike. */
static bool rename_versions(struct renaming *renaming) {
    struct image *image = renaming->image;
    uint64_t address, count;
    if (!find_tag(image, DT_VERNEED, &address) || !find_tag(image, DT_VERNEEDNUM, &count))
        return true;
    for (uint64_t i = 0; i < count; i++) {
        ElfW(Verneed) need;
        uint64_t renamed;
        size_t at;
        if (!find_address(image, address, sizeof need, &at))
            return refuse(image, "the versions that it needs are outside the file");
        memcpy(&need, image->bytes + at, sizeof need);
        if (!rename_one(renaming, need.vn_file, &renamed))
            return false;
        need.vn_file = (ElfW(Word))renamed;
        memcpy(image->bytes + at, &need, sizeof need);
        if (need.vn_next == 0)
            break;
        address += need.vn_next;
    }
    return true;
}

static void hide_tag(struct image *image, int64_t tag) {
    for (size_t i = 0; i < image->dynamic_count; i++) {
        ElfW(Dyn) entry = dynamic_entry(image, i);
        if (entry.d_tag != tag)
            continue;
        entry.d_tag = TAG_IGNORED;
        set_dynamic_entry(image, i, entry);
    }
}

/* The note to do without: that of properties, which have a segment of their own besides, rather
 * than that of the build's id. */
static bool find_note(const struct image *image, size_t *index) {
    bool has_any = false;
    for (size_t i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_type != PT_NOTE || (has_any && segment->p_align != 8))
            continue;
        *index = i;
        has_any = true;
    }
    return has_any;
}

/* Puts a segment behind all others in memory, and its header behind theirs: the loader wants them
 * in order. It takes the place of `note`. */
static void put_segment(struct image *image, size_t note, ElfW(Phdr) segment) {
    size_t last = 0;
    memmove(&image->segments[note], &image->segments[note + 1],
            (image->segment_count - note - 1) * sizeof *image->segments);
    for (size_t i = 0; i + 1 < image->segment_count; i++)
        if (image->segments[i].p_type == PT_LOAD)
            last = i + 1;
    memmove(&image->segments[last + 1], &image->segments[last],
            (image->segment_count - 1 - last) * sizeof *image->segments);
    image->segments[last] = segment;
    memcpy(image->bytes + image->header.e_phoff, image->segments,
           image->segment_count * sizeof *image->segments);
}

static uint64_t round_up(uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
}

/* Appends the strings to the file as a segment, and leads the dynamic section there. */
static bool add_strings(struct image *image, const struct text *strings) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t end = 0;
    size_t note = 0;
    if (!find_note(image, &note))
        return error_set(image->error, ERROR_INVALID,
                         "has its own libraries and no note with room for their "
                         "paths: link it with -Wl,--build-id");
    for (size_t i = 0; i < image->segment_count; i++) {
        const ElfW(Phdr) *segment = &image->segments[i];
        if (segment->p_type == PT_LOAD && segment->p_vaddr + segment->p_memsz > end)
            end = segment->p_vaddr + segment->p_memsz;
    }
    const uint64_t at = round_up(image->size, page), address = round_up(end, page);
    if (!ARRAY_RESIZE(image->bytes, at + strings->size))
        return error_set_memory(image->error, "a copy");
    memset(image->bytes + image->size, 0, at - image->size);
    memcpy(image->bytes + at, strings->data, strings->size);
    image->size = at + strings->size;
    const ElfW(Phdr) segment = {.p_type = PT_LOAD,
                                .p_flags = PF_R,
                                .p_offset = at,
                                .p_vaddr = address,
                                .p_paddr = address,
                                .p_filesz = strings->size,
                                .p_memsz = strings->size,
                                .p_align = page};
    put_segment(image, note, segment);
    for (size_t i = 0; i < image->dynamic_count; i++) {
        ElfW(Dyn) entry = dynamic_entry(image, i);
        if (entry.d_tag == DT_STRTAB)
            entry.d_un.d_ptr = address;
        else if (entry.d_tag == DT_STRSZ)
            entry.d_un.d_val = strings->size;
        set_dynamic_entry(image, i, entry);
    }
    return true;
}

static bool rewrite(struct renaming *renaming, bool is_library) {
    struct image *image = renaming->image;
    text_append(&renaming->strings, image->bytes + image->strings_at, image->strings_size);
    if (!weaken_unique(image) || !rename_needs(renaming) || !rename_versions(renaming))
        return false;
    if (is_library)
        hide_tag(image, DT_SONAME);
    if (text_is_oom(&renaming->strings))
        return error_set_memory(image->error, "a string table");
    return !renaming->has_any || add_strings(image, &renaming->strings);
}

bool elf_private_copy(const char *bytes, size_t size, bool is_library,
                      const char *(*place)(void *context, const char *needed), void *context,
                      char **copy, size_t *copy_size, struct error *error) {
    struct image image;
    struct renaming renaming = {.image = &image, .place = place, .context = context};
    char *own = malloc(size + 1);
    *copy = NULL;
    if (own == NULL)
        return error_set_memory(error, "a copy");
    memcpy(own, bytes, size);
    text_init(&renaming.strings);
    const bool is_good = open_image(&image, own, size, error) && rewrite(&renaming, is_library);
    text_release(&renaming.strings);
    if (is_good) {
        *copy = image.bytes;
        *copy_size = image.size;
    } else {
        free(image.bytes != NULL ? image.bytes : own);
    }
    return is_good;
}
