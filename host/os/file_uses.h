/*
 * os/file_uses.h - the files that a command reads and writes, so that none of what it writes is
 * something that it reads, keeps or writes by another name.
 *
 * Files are compared by device and inode: links and hard links are the file that they lead to. One
 * that is not there yet is compared by the directory that it would be made in and its name there; a
 * link to nothing by what it would make. Terminals and other character devices (/dev/null) may be
 * used as often as one likes. Nothing is opened. Not thread-safe.
 */
#ifndef TAKE5_OS_FILE_USES_H
#define TAKE5_OS_FILE_USES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum file_use_kind {
    FILE_USE_KEPT = 1, /* read, or somebody else's: must stay as it is */
    FILE_USE_WRITTEN
};

struct file_use {
    enum file_use_kind kind;
    char *what; /* for people: "-o", "the recording", "[sink:jsonl] path" */
    char *path; /* as it was given */
    bool is_comparable;
    dev_t device;
    ino_t inode;
    char *rest; /* what is to be made below that directory; "": the file itself is there */
};

struct file_uses {
    struct file_use *items;
    size_t count;
};

void file_uses_release(struct file_uses *uses);

/* Adds one, unless it is one of those that are there already and either of the two is written:
 * ERROR_INVALID, naming both. "-" is the standard input or, written, the standard output. */
bool file_uses_add(struct file_uses *uses, enum file_use_kind kind, const char *what,
                   const char *path, struct error *error);
/* The same of an open file. */
bool file_uses_add_open(struct file_uses *uses, enum file_use_kind kind, const char *what, int file,
                        struct error *error);
/* The same for a caller with its own wording. NULL: it was added, or there was no memory (with an
 * error of ERROR_MEMORY); else the one that it would be in conflict with. */
const struct file_use *file_uses_clash(struct file_uses *uses, enum file_use_kind kind,
                                       const char *what, const char *path, struct error *error);

#endif
