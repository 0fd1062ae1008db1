#include "strategy/plugin/elf_check.h"

#include "strategy/plugin/descriptor.h"

#include <take5/note.h>

#include <elf.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

/* What this host is. */
#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#elif defined(__riscv)
#define HOST_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define HOST_MACHINE EM_PPC64
#elif defined(__s390x__)
#define HOST_MACHINE EM_S390
#else
#error "the ELF machine of this architecture is not known here: add it"
#endif
#define HOST_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define HOST_DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

/* Descriptor of the note as ABI 1 lays it out. */
#define NOTE_DESC_SIZE  112
#define NOTE_NAME_AT    16
#define NOTE_VERSION_AT 80

struct elf_view {
    Elf *elf;
    GElf_Ehdr header;
    struct strategy_file *file;
    struct error *error;
};

static const char *machine_name(unsigned machine) {
    switch (machine) {
    case EM_386:
        return "i386";
    case EM_X86_64:
        return "x86-64";
    case EM_ARM:
        return "32-bit ARM";
    case EM_AARCH64:
        return "AArch64";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "PowerPC 64";
    case EM_S390:
        return "S/390";
    default:
        return "another machine";
    }
}

static bool refuse_half_copied(const struct elf_view *view, uint64_t needed) {
    return error_set(view->error, ERROR_INVALID,
                     "incomplete copy: its headers declare %" PRIu64
                     " bytes, the file has %zu; copy it under a name that begins with a dot, then"
                     " rename it",
                     needed, view->file->size);
}

/* ---- the header ---- */

static bool check_ident(const struct elf_view *view) {
    const struct strategy_file *file = view->file;
    const unsigned char *ident = (const unsigned char *)file->bytes;
    if (file->size == 0)
        return error_set(view->error, ERROR_INVALID, "is empty");
    const size_t seen = file->size < SELFMAG ? file->size : SELFMAG;
    if (memcmp(ident, ELFMAG, seen) != 0)
        return error_set(view->error, ERROR_INVALID,
                         "not an ELF file: a strategy is a shared object, built with `cc -shared"
                         " -fPIC`");
    const size_t header_size = HOST_CLASS == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
    if (file->size < header_size)
        return refuse_half_copied(view, header_size);
    if (ident[EI_CLASS] != HOST_CLASS || ident[EI_DATA] != HOST_DATA) {
        const char *bits = ident[EI_CLASS] == ELFCLASS64   ? "64-bit"
                           : ident[EI_CLASS] == ELFCLASS32 ? "32-bit"
                                                           : "of unknown class";
        const char *order = ident[EI_DATA] == ELFDATA2LSB   ? "little-endian"
                            : ident[EI_DATA] == ELFDATA2MSB ? "big-endian"
                                                            : "of unknown byte order";
        return error_set(view->error, ERROR_INVALID,
                         "built for another machine: it is %s and %s, this host is %s (%s, %s)",
                         bits, order, machine_name(HOST_MACHINE),
                         HOST_CLASS == ELFCLASS64 ? "64-bit" : "32-bit",
                         HOST_DATA == ELFDATA2LSB ? "little-endian" : "big-endian");
    }
    return true;
}

static const char *type_name(unsigned type) {
    switch (type) {
    case ET_REL:
        return "an object file";
    case ET_EXEC:
        return "a program";
    case ET_CORE:
        return "a core dump";
    default:
        return "of an unknown type";
    }
}

static bool check_header(const struct elf_view *view) {
    const GElf_Ehdr *header = &view->header;
    if (header->e_machine != HOST_MACHINE)
        return error_set(
            view->error, ERROR_INVALID,
            "built for %s (machine %u), this host is %s (machine %u): build it here, or"
            " with a cross compiler for it",
            machine_name(header->e_machine), header->e_machine, machine_name(HOST_MACHINE),
            HOST_MACHINE);
    if (header->e_type != ET_DYN)
        return error_set(view->error, ERROR_INVALID,
                         "%s (ELF type %u), not a shared object: link it with `cc -shared`",
                         type_name(header->e_type), header->e_type);
    if (header->e_version != EV_CURRENT)
        return error_set(view->error, ERROR_INVALID, "ELF version %u is unknown",
                         header->e_version);
    const size_t entry = HOST_CLASS == ELFCLASS64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (header->e_phnum == 0 || header->e_phoff == 0)
        return error_set(view->error, ERROR_INVALID,
                         "has no program headers: it cannot be loaded, link it with `cc -shared`");
    if (header->e_phentsize != entry)
        return error_set(view->error, ERROR_INVALID,
                         "corrupt: its program headers have %u bytes each, they must have %zu",
                         header->e_phentsize, entry);
    return true;
}

/* ---- is all of it there ---- */

/* Raises `needed` to offset + size; false when that does not fit into 64 bits. */
static bool reach(uint64_t *needed, uint64_t offset, uint64_t size) {
    uint64_t end;
    if (__builtin_add_overflow(offset, size, &end))
        return false;
    if (end > *needed)
        *needed = end;
    return true;
}

static bool refuse_damaged(const struct elf_view *view, const char *what) {
    return error_set(view->error, ERROR_INVALID, "corrupt: %s; copy it again", what);
}

/* The tables themselves, before anything in them is looked at. */
static bool check_tables(const struct elf_view *view) {
    const GElf_Ehdr *header = &view->header;
    const size_t entry = HOST_CLASS == ELFCLASS64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    uint64_t needed = 0;
    if (!reach(&needed, header->e_phoff, (uint64_t)header->e_phnum * header->e_phentsize) ||
        !reach(&needed, header->e_shoff, (uint64_t)header->e_shnum * header->e_shentsize))
        return refuse_damaged(view, "its headers are out of range");
    if (needed > view->file->size)
        return refuse_half_copied(view, needed);
    if (header->e_phnum == PN_XNUM)
        return refuse_damaged(view, "it has too many program headers");
    if (header->e_shnum > 0 && header->e_shentsize != entry)
        return refuse_damaged(view, "its section headers have an impossible size");
    if (header->e_shnum == 0 && header->e_shoff != 0)
        return refuse_damaged(view, "it has too many section headers");
    if (header->e_shnum > 0 && header->e_shstrndx >= header->e_shnum)
        return refuse_damaged(view, "its section names are not in a section");
    return true;
}

static bool check_contents(const struct elf_view *view) {
    uint64_t needed = 0;
    bool has_load = false;
    for (int i = 0; i < view->header.e_phnum; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(view->elf, i, &segment) == NULL)
            return refuse_damaged(view, "a program header is unreadable");
        if (!reach(&needed, segment.p_offset, segment.p_filesz))
            return refuse_damaged(view, "a segment is out of range");
        if (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz)
            return refuse_damaged(view, "a segment is larger in the file than in memory");
        has_load = has_load || segment.p_type == PT_LOAD;
    }
    if (!has_load)
        return refuse_damaged(view, "it has no loadable segment");
    for (size_t i = 1; i < view->header.e_shnum; i++) {
        GElf_Shdr section;
        if (gelf_getshdr(elf_getscn(view->elf, i), &section) == NULL)
            return refuse_damaged(view, "a section header is unreadable");
        if (section.sh_type == SHT_NOBITS || section.sh_type == SHT_NULL)
            continue;
        if (!reach(&needed, section.sh_offset, section.sh_size))
            return refuse_damaged(view, "a section is out of range");
    }
    return needed <= view->file->size || refuse_half_copied(view, needed);
}

/* ---- the note ---- */

static uint32_t little_u32(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool take_note(const struct elf_view *view, const unsigned char *desc, size_t size) {
    struct strategy_file *file = view->file;
    if (size < NOTE_DESC_SIZE)
        return error_set(view->error, ERROR_INVALID,
                         "its take5 note has %zu bytes, expected %d: create it with"
                         " T5_STRATEGY()",
                         size, NOTE_DESC_SIZE);
    if (file->name[0] != '\0')
        return error_set(view->error, ERROR_INVALID,
                         "has two take5 notes: use T5_STRATEGY() once in a shared object");
    file->abi_major = little_u32(desc);
    file->abi_minor_built = little_u32(desc + 4);
    file->abi_minor_required = little_u32(desc + 8);
    file->flags = little_u32(desc + 12);
    memcpy(file->name, desc + NOTE_NAME_AT, sizeof file->name);
    memcpy(file->version, desc + NOTE_VERSION_AT, sizeof file->version);
    if (memchr(file->name, '\0', sizeof file->name) == NULL ||
        memchr(file->version, '\0', sizeof file->version) == NULL)
        return error_set(view->error, ERROR_INVALID,
                         "its take5 note has an unterminated name or version: at most %zu and %zu"
                         " bytes",
                         sizeof file->name - 1, sizeof file->version - 1);
    /* The name becomes a part of paths. */
    if (!descriptor_is_name(file->name))
        return error_set(view->error, ERROR_INVALID,
                         "the name in its take5 note must be 1 to 63 of a-z, 0-9, _ and -, and"
                         " begin with a letter");
    for (const char *c = file->version; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return error_set(
                view->error, ERROR_INVALID,
                "the version in its take5 note has byte %#04x: use printable ASCII only",
                (unsigned)(unsigned char)*c);
    return true;
}

/* Goes through one PT_NOTE segment. False only for a take5 note that is no good. */
static bool scan_notes(const struct elf_view *view, const GElf_Phdr *segment) {
    Elf_Data *data = elf_getdata_rawchunk(view->elf, (int64_t)segment->p_offset, segment->p_filesz,
                                          segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    size_t at = 0, name_at, desc_at;
    GElf_Nhdr note;
    while (data != NULL && (at = gelf_getnote(data, at, &note, &name_at, &desc_at)) > 0) {
        const unsigned char *bytes = data->d_buf;
        if (note.n_type != T5_NOTE_TYPE || note.n_namesz != sizeof T5_NOTE_NAME ||
            memcmp(bytes + name_at, T5_NOTE_NAME, sizeof T5_NOTE_NAME) != 0)
            continue;
        if (!take_note(view, bytes + desc_at, note.n_descsz))
            return false;
    }
    return true;
}

static bool find_note(const struct elf_view *view) {
    for (int i = 0; i < view->header.e_phnum; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(view->elf, i, &segment) != NULL && segment.p_type == PT_NOTE &&
            !scan_notes(view, &segment))
            return false;
    }
    if (view->file->name[0] == '\0')
        return error_set(
            view->error, ERROR_INVALID,
            "not a strategy: it has no take5 note; T5_STRATEGY() at the end of the source"
            " creates it");
    return true;
}

/* ---- the symbol, and the writable statics ---- */

/* Whether the symbol is the descriptor, to be seen from outside; false with an error when it is
 * there but will not do. */
static bool is_descriptor(const struct elf_view *view, const GElf_Shdr *section,
                          const GElf_Sym *symbol, bool *is_good) {
    const char *name = elf_strptr(view->elf, section->sh_link, symbol->st_name);
    if (name == NULL || strcmp(name, T5_DESCRIPTOR_SYMBOL) != 0 || symbol->st_shndx == SHN_UNDEF)
        return false;
    *is_good = true;
    if (GELF_ST_TYPE(symbol->st_info) != STT_OBJECT)
        *is_good =
            error_set(view->error, ERROR_INVALID,
                      "its symbol " T5_DESCRIPTOR_SYMBOL " is not data: T5_STRATEGY() creates"
                      " it");
    else if (symbol->st_size < DESCRIPTOR_SIZE_LEAST)
        *is_good = error_set(view->error, ERROR_INVALID,
                             "its symbol " T5_DESCRIPTOR_SYMBOL " has %" PRIu64
                             " bytes, a descriptor has at least %zu",
                             (uint64_t)symbol->st_size, DESCRIPTOR_SIZE_LEAST);
    return true;
}

static bool find_symbol(const struct elf_view *view) {
    for (Elf_Scn *at = NULL; (at = elf_nextscn(view->elf, at)) != NULL;) {
        GElf_Shdr section;
        if (gelf_getshdr(at, &section) == NULL || section.sh_type != SHT_DYNSYM ||
            section.sh_entsize == 0)
            continue;
        Elf_Data *data = elf_getdata(at, NULL);
        const size_t count = data != NULL ? data->d_size / section.sh_entsize : 0;
        for (size_t i = 1; i < count && i <= INT32_MAX; i++) {
            GElf_Sym symbol;
            bool is_good;
            if (gelf_getsym(data, (int)i, &symbol) != NULL &&
                is_descriptor(view, &section, &symbol, &is_good))
                return is_good;
        }
    }
    return error_set(view->error, ERROR_INVALID,
                     "no symbol " T5_DESCRIPTOR_SYMBOL " is visible: T5_STRATEGY() creates it, a"
                     " version script must not hide it");
}

/* Sections that stay writable once the loader is done; thread-local ones are no statics. */
static void measure_statics(const struct elf_view *view) {
    for (Elf_Scn *at = NULL; (at = elf_nextscn(view->elf, at)) != NULL;) {
        GElf_Shdr section;
        if (gelf_getshdr(at, &section) == NULL || (section.sh_flags & SHF_WRITE) == 0 ||
            (section.sh_flags & SHF_TLS) != 0)
            continue;
        const char *name = elf_strptr(view->elf, view->header.e_shstrndx, section.sh_name);
        if (name == NULL)
            continue;
        if (section.sh_type == SHT_NOBITS)
            view->file->bss_size += section.sh_size;
        else if (strcmp(name, ".data") == 0 ||
                 (strncmp(name, ".data.", 6) == 0 && strncmp(name, ".data.rel.ro", 12) != 0))
            view->file->data_size += section.sh_size;
    }
}

static bool check_shape(struct elf_view *view) {
    if (gelf_getehdr(view->elf, &view->header) == NULL)
        return refuse_damaged(view, "its header is unreadable");
    return check_header(view) && check_tables(view) && check_contents(view);
}

static bool check_all(struct elf_view *view) {
    if (!check_shape(view) || !find_note(view) || !find_symbol(view))
        return false;
    measure_statics(view);
    return true;
}

static bool check(struct strategy_file *file, bool (*check_view)(struct elf_view *view),
                  struct error *error) {
    struct elf_view view = {.file = file, .error = error};
    if (!check_ident(&view))
        return false;
    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(error, ERROR_SYSTEM, "libelf is too old: %s", elf_errmsg(-1));
    view.elf = elf_memory(file->bytes, file->size);
    if (view.elf == NULL)
        return error_set(error, ERROR_INVALID, "corrupt: libelf cannot read it (%s)",
                         elf_errmsg(-1));
    const bool is_good = elf_kind(view.elf) == ELF_K_ELF
                             ? check_view(&view)
                             : refuse_damaged(&view, "it is not an ELF file");
    (void)elf_end(view.elf);
    return is_good;
}

bool elf_check(struct strategy_file *file, struct error *error) {
    return check(file, check_all, error);
}

bool elf_check_library(struct strategy_file *file, struct error *error) {
    return check(file, check_shape, error);
}
