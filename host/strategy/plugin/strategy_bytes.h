/*
 * strategy/plugin/strategy_bytes.h - a strategy's file as it was read, for those who understand it.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_STRATEGY_BYTES_H
#define TAKE5_STRATEGY_PLUGIN_STRATEGY_BYTES_H

#include "base/error.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A library of a strategy's own. */
struct strategy_library {
    char *name; /* as it is needed: DT_NEEDED */
    char *path; /* where it lies */
    char *bytes;
    size_t size;
    dev_t device;
    ino_t inode;
    size_t same_as; /* index of the first library that is the same file: its own, as a rule */
};

struct strategy_file {
    char *path;
    char *bytes;
    size_t size;
    struct hash hash; /* of the bytes, and of those of its own libraries */
    /* From the note. */
    uint32_t abi_major, abi_minor_built, abi_minor_required;
    uint32_t flags; /* T5_NOTE_OWN_PROCESS, or 0 */
    char name[64];
    char version[32];
    /* Writable statics, which two instances would share. */
    uint64_t data_size, bss_size;
    /* What it needs and finds beside itself: see libraries.h. */
    struct strategy_library *libraries;
    size_t library_count;
    /* In the file and its own libraries: STB_GNU_UNIQUE symbols, of which the process would keep
     * one each for all versions; and what they must have of the loader's reserve for thread-local
     * storage, which every version takes again. */
    size_t unique_count;
    uint64_t static_tls;
};

/* Reads a regular file, to its end, into `bytes` and `size`. The error does not name it. */
bool strategy_bytes_read(struct strategy_file *file, int fd, struct error *error);

#endif
