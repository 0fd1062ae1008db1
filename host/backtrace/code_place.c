#include "backtrace/code_place.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct code_file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    Elf *elf;       /* the module's */
    GElf_Addr bias; /* between addresses in the file and in `dwfl` */
};

struct code_file *code_file_open(const char *path) {
    static const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                             .find_debuginfo = dwfl_standard_find_debuginfo,
                                             .section_address = dwfl_offline_section_address};
    struct code_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->dwfl = dwfl_begin(&callbacks);
    if (file->dwfl != NULL)
        file->module = dwfl_report_offline(file->dwfl, "", path, -1);
    if (file->module != NULL && dwfl_report_end(file->dwfl, NULL, NULL) == 0)
        file->elf = dwfl_module_getelf(file->module, &file->bias);
    if (file->elf != NULL)
        return file;
    code_file_close(file);
    return NULL;
}

void code_file_close(struct code_file *file) {
    if (file == NULL)
        return;
    if (file->dwfl != NULL)
        dwfl_end(file->dwfl);
    free(file);
}

bool code_file_address(const struct code_file *file, uint64_t offset, uint64_t *address) {
    size_t count;
    if (elf_getphdrnum(file->elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(file->elf, (int)i, &header) == NULL || header.p_type != PT_LOAD ||
            offset < header.p_offset || offset - header.p_offset >= header.p_filesz)
            continue;
        *address = header.p_vaddr + (offset - header.p_offset);
        return true;
    }
    return false;
}

/* ---- what is there ---- */

/* The function as it is written, which another one may have taken in. NULL: not known. */
static const char *find_written(struct code_file *file, GElf_Addr at) {
    Dwarf_Addr bias;
    Dwarf_Die *unit = dwfl_module_addrdie(file->module, at, &bias), *scopes = NULL;
    const int count = unit != NULL ? dwarf_getscopes(unit, at - bias, &scopes) : 0;
    const char *name = NULL;
    for (int i = 0; i < count && name == NULL; i++) {
        const int tag = dwarf_tag(&scopes[i]);
        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine)
            name = dwarf_diename(&scopes[i]);
    }
    free(scopes);
    return name;
}

/* The symbol of a function that the address lies in, and how far. NULL: none. */
static const char *find_symbol(struct code_file *file, GElf_Addr at, GElf_Off *offset) {
    GElf_Sym symbol;
    const char *name = dwfl_module_addrinfo(file->module, at, offset, &symbol, NULL, NULL, NULL);
    return name != NULL && GELF_ST_TYPE(symbol.st_info) == STT_FUNC && *offset < symbol.st_size
               ? name
               : NULL;
}

/* Without its directories: they are those of whoever built it. NULL: not known. */
static const char *find_line(struct code_file *file, GElf_Addr at, int *number) {
    Dwfl_Line *line = dwfl_module_getsrc(file->module, at);
    const char *source = line != NULL ? dwfl_lineinfo(line, NULL, number, NULL, NULL, NULL) : NULL;
    const char *slash = source != NULL ? strrchr(source, '/') : NULL;
    return slash != NULL ? slash + 1 : source;
}

/* ---- how it reads ---- */

static void put(struct text *text, const char *string) {
    text_visible(text, string, strlen(string));
}

static void put_offset(struct text *text, const char *name, uint64_t offset) {
    put(text, name);
    text_printf(text, "+0x%" PRIx64, offset);
}

static void put_line(struct text *text, const char *source, int number) {
    put(text, source);
    text_printf(text, ":%d", number);
}

void code_place_add(struct code_file *file, const char *name, uint64_t address, bool is_return,
                    struct text *text) {
    GElf_Off offset = 0;
    int number = 0;
    const GElf_Addr at = file != NULL ? address + file->bias - (is_return && address > 0) : address;
    const char *source = file != NULL ? find_line(file, at, &number) : NULL;
    const char *written = file != NULL ? find_written(file, at) : NULL;
    const char *symbol = file != NULL ? find_symbol(file, at, &offset) : NULL;
    if (source == NULL && symbol == NULL) {
        put_offset(text, name, address);
    } else if (source == NULL) {
        put_offset(text, symbol, offset + (at != address + file->bias));
        text_puts(text, " (");
        put(text, name);
        text_putc(text, ')');
    } else if (written == NULL && symbol == NULL) {
        put_line(text, source, number);
    } else {
        put(text, written != NULL ? written : symbol);
        text_puts(text, " (");
        put_line(text, source, number);
        text_putc(text, ')');
    }
}
