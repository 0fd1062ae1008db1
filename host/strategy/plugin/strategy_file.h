/*
 * strategy/plugin/strategy_file.h - a strategy's file, read whole and understood without running
 * it.
 *
 * The bytes are read once: note, hash and copy all come from the same bytes, so a file that is
 * overwritten meanwhile is either the old one, the new one, or refused.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_STRATEGY_FILE_H
#define TAKE5_STRATEGY_PLUGIN_STRATEGY_FILE_H

#include "base/error.h"
#include "base/faults.h"
#include "os/trust.h"
#include "strategy/plugin/strategy_bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads and checks the file: an ELF shared object of this machine, complete (all segments and
 * sections that its headers name lie inside it), with the note and the symbol `take5_strategy`.
 * The ABI version is read, not judged: see strategy_file_judge(). Bounds are checked throughout;
 * no byte of the file is executed or mapped. Its own libraries are read and checked with it.
 */
bool strategy_file_read(const char *path, struct strategy_file *file, struct error *error);
/* The same, unless others could have put it there, or one of its libraries. ERROR_SYSTEM with errno
 * kept when there is none. */
bool strategy_file_read_trusted(const char *path, const struct trust *trust,
                                struct strategy_file *file, struct error *error);
/* The same of a private file (os/private_file.h), whose own libraries lie in `libraries`, each
 * under its name. */
bool strategy_file_read_kept(const char *path, const char *libraries, struct strategy_file *file,
                             struct error *error);
void strategy_file_release(struct strategy_file *file);

/* Whether this host can load it, by the version rule; the refusal names both versions and what to
 * do. */
bool strategy_file_judge(const struct strategy_file *file, struct error *error);

/* The strategies of one directory or of several (base/path_list.h): every *.so in it, by name of
 * file, dot files left out. */
struct catalog {
    char *const *only;   /* in: names of files in the directory, NULL-terminated, that alone are
                            looked at; NULL: all */
    const char *bundled; /* in: one more directory, of what the others lack; NULL: none. It is
                            not looked at with `only` */
    struct strategy_file *files;
    size_t count;
};

/*
 * Reads them. Files that are refused (unreadable, not trusted, not a strategy, wrong ABI,
 * two with one strategy name in one directory: both) are faults, and left out; of two in different
 * directories the one of the earlier is taken; what is no strategy but a library of
 * one is left out without a word. False only when a directory cannot be read or is not trusted;
 * then nothing is in the catalog. With a trusted group, what its members drop belongs to them. A
 * second directory that is not there is a fault.
 */
bool catalog_scan(const char *directories, bool is_strict, gid_t allowed_group,
                  struct catalog *catalog, struct faults *faults);
void catalog_release(struct catalog *catalog);
const struct strategy_file *catalog_find(const struct catalog *catalog, const char *name);

#endif
