/*
 * strategy/plugin/elf_private.h - what of a shared object the loader would share between two
 * versions of it, and a copy of which nothing is shared.
 *
 * glibc keeps one object for each name under which it was asked for, and one definition of each
 * STB_GNU_UNIQUE symbol (statics of inline functions and templates, by g++), for the life of the
 * process: a newer version would run with the older one's libraries and statics. In the copy
 *
 *   - libraries of its own are needed by their full path, which is another one with each version.
 *     The longer strings get a new segment, in place of a note that nobody reads at run
 *     time;
 *   - unique symbols are weak ones, as -fno-gnu-unique makes them;
 *   - a library has no SONAME, so that no other library's need of that name is met by it.
 *
 * Works on bytes that elf_check() found whole; what they say is still checked throughout.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_ELF_PRIVATE_H
#define TAKE5_STRATEGY_PLUGIN_ELF_PRIVATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts point into the bytes. */
struct elf_dynamic {
    const char **needed; /* DT_NEEDED, in order */
    size_t needed_count;
    const char *search;  /* DT_RUNPATH, else DT_RPATH; NULL: none */
    size_t unique_count; /* defined STB_GNU_UNIQUE symbols */
    const char *unique;  /* one of them, mangled */
    uint64_t static_tls; /* bytes that it must have of the loader's reserve; 0: none */
};

bool elf_dynamic_read(const char *bytes, size_t size, struct elf_dynamic *dynamic,
                      struct error *error);
void elf_dynamic_release(struct elf_dynamic *dynamic);

/* Makes the copy; free(*copy). `place` gives the path for a needed name, NULL: it stays as it is.
 * Refuses what cannot be rewritten. */
bool elf_private_copy(const char *bytes, size_t size, bool is_library,
                      const char *(*place)(void *context, const char *needed), void *context,
                      char **copy, size_t *copy_size, struct error *error);

#endif
