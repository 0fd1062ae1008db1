#include "strategy/plugin/list_room.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <unistd.h>

static bool holds(const GElf_Sym *symbol, uint64_t address) {
    return GELF_ST_TYPE(symbol->st_info) == STT_OBJECT && symbol->st_value <= address &&
           address - symbol->st_value < symbol->st_size;
}

/* Bytes from the address to the end of the object there; 0: none is known. */
static uint64_t room_in_section(Elf_Scn *section, const GElf_Shdr *header, uint64_t address) {
    Elf_Data *data = elf_getdata(section, NULL);
    const size_t count = header->sh_entsize > 0 ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data != NULL && i < count; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) != NULL && holds(&symbol, address))
            return symbol.st_value + symbol.st_size - address;
    }
    return 0;
}

static uint64_t room_in_file(int fd, uint64_t address) {
    uint64_t room = 0;
    Elf *elf = elf_version(EV_CURRENT) != EV_NONE ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
    for (Elf_Scn *at = elf != NULL ? elf_nextscn(elf, NULL) : NULL; at != NULL && room == 0;
         at = elf_nextscn(elf, at)) {
        GElf_Shdr header;
        if (gelf_getshdr(at, &header) != NULL && header.sh_type == SHT_SYMTAB)
            room = room_in_section(at, &header, address);
    }
    (void)elf_end(elf);
    return room;
}

size_t list_room(const void *const *list) {
    Dl_info info;
    if (dladdr(list, &info) == 0 || info.dli_fname == NULL)
        return SIZE_MAX;
    const int fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SIZE_MAX;
    const uint64_t room = room_in_file(fd, (uint64_t)((uintptr_t)list - (uintptr_t)info.dli_fbase));
    (void)close(fd);
    return room > 0 ? room / sizeof *list : SIZE_MAX;
}
