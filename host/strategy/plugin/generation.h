/*
 * strategy/plugin/generation.h - one loaded version of one strategy file.
 *
 * Only copies are loaded: CACHE_DIR/NAME-HASH-NUMBER.so, made with O_EXCL and mode 0444. The number
 * makes the path unique, so that going back to an older file gives a fresh mapping with fresh
 * statics and not the one that glibc still has open. Libraries of the strategy's own (libraries.h)
 * are copied to CACHE_DIR/NAME-HASH-NUMBER.d/, with the same effect; the copies then are not byte
 * for byte what was dropped, but what elf_private.h makes of it. A generation stays mapped for ever
 * (RTLD_NODELETE; dlclose is where hosts crash) and is counted.
 *
 * Used by the control thread alone; a `struct generation` is read-only once made.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_GENERATION_H
#define TAKE5_STRATEGY_PLUGIN_GENERATION_H

#include "base/error.h"
#include "base/faults.h"
#include "os/trust.h"
#include "strategy/plugin/description.h"
#include "strategy/plugin/strategy_file.h"

struct generation {
    uint32_t number; /* from 1, over the life of the process */
    char *name;
    struct hash hash;
    char *source_path; /* the file in the drop directory */
    char *cache_path;
    char *library_dir;             /* where copies of its own libraries lie, or NULL */
    const t5_strategy *descriptor; /* in the mapped copy; NULL: copied but not opened yet */
    struct description *description;
    bool is_rewritten;     /* the copies differ from the files: elf_private.h */
    uint64_t static_tls;   /* see strategy_file.h */
    uint32_t flags;        /* of the note: T5_NOTE_OWN_PROCESS, or 0 */
    char note_version[32]; /* that of the note, for the descriptor to agree with */
    bool is_mapped;        /* its code is in this process: it stays there, whatever was found */
    unsigned changes;      /* what mapping it changed, and was put back: enum guard_change */
};

struct generations;

/* Makes the cache directory (0700) if it is missing, and removes copies of earlier processes,
 * unless another process still uses the directory (see the lock in it). Refuses a directory on a
 * noexec file system, one of another user, and unless `trust` is off one that everybody may write.
 */
struct generations *generations_new(const char *cache_dir, const struct trust *trust,
                                    struct error *error);
/* Frees them all and removes their copies; what is mapped stays mapped. NULL is allowed. */
void generations_free(struct generations *generations);

/* Writes the copy, to be rehearsed and then opened. Owned by `generations`. */
struct generation *generations_copy(struct generations *generations,
                                    const struct strategy_file *file, struct error *error);

/* Maps the copy (RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) and checks its descriptor. Runs the file's
 * constructors, under a guard (guard.h). */
bool generation_open(struct generation *generation, struct faults *faults);

/* Removes the copy of a generation that will not run, and forgets it; if it was mapped it stays
 * mapped and counted. */
void generations_discard(struct generations *generations, struct generation *generation);

/* How many are mapped. */
size_t generations_count(const struct generations *generations);

#endif
