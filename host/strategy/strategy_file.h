/*
 * strategy/strategy_file.h - a strategy's file, read whole and understood without running it.
 *
 * The bytes are read once: note, hash and copy all come from the same bytes, so a file that is
 * overwritten meanwhile is either the old one, the new one, or refused.
 */
#ifndef TAKE5_STRATEGY_STRATEGY_FILE_H
#define TAKE5_STRATEGY_STRATEGY_FILE_H

#include "base/error.h"
#include "base/faults.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct strategy_file {
    char *path;
    char *bytes;
    size_t size;
    struct hash hash; /* of the bytes */
    /* From the note. */
    uint32_t abi_major, abi_minor_built, abi_minor_required;
    char name[64];
    char version[32];
    /* Writable statics, which two instances would share. */
    uint64_t data_size, bss_size;
};

/*
 * Reads and checks the file: an ELF shared object of this machine, complete (all segments and
 * sections that its headers name lie inside it), with the note and the symbol `take5_strategy`.
 * The ABI version is read, not judged: see strategy_file_judge(). Bounds are checked throughout;
 * no byte of the file is executed or mapped.
 */
bool strategy_file_read(const char *path, struct strategy_file *file, struct error *error);
void strategy_file_release(struct strategy_file *file);

/* Whether this host can load it, by the version rule; the refusal names both versions and what to
 * do. */
bool strategy_file_judge(const struct strategy_file *file, struct error *error);

/*
 * Strict modes: the file (or directory) must not be writable by others, and by its group only when
 * that is `allowed_group` ((gid_t)-1: none). It must belong to root or to the user who runs this
 * process, or bear the allowed group: what members of it drop belongs to them.
 */
bool strategy_file_modes(const char *path, gid_t allowed_group, struct error *error);

/* The strategies of a directory: every *.so in it, by name of file, dot files left out. */
struct catalog {
    struct strategy_file *files;
    size_t count;
};

/*
 * Reads all of them. Files that are refused (unreadable, not a strategy, wrong ABI, wrong modes,
 * two with one strategy name: both) are faults, and left out. False only when the directory cannot
 * be read or has wrong modes; then nothing is in the catalog.
 */
bool catalog_scan(const char *directory, bool is_strict, gid_t allowed_group,
                  struct catalog *catalog, struct faults *faults);
void catalog_release(struct catalog *catalog);
const struct strategy_file *catalog_find(const struct catalog *catalog, const char *name);

#endif
