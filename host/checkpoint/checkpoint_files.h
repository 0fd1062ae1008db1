/*
 * checkpoint/checkpoint_files.h - the files of one partition number: names, lists, reading and
 * writing. For the store and its backends. Any thread.
 */
#ifndef TAKE5_CHECKPOINT_CHECKPOINT_FILES_H
#define TAKE5_CHECKPOINT_CHECKPOINT_FILES_H

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "log/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The order in which files of one number are listed. */
enum file_kind {
    FILE_CHECKPOINT,
    FILE_JOURNAL,
    FILE_BESIDE, /* being written, or left by a crash */
    FILE_ASIDE   /* damaged or refused */
};

struct file_name {
    uint64_t number;
    enum file_kind kind;
};

struct file_list {
    struct file_name *items; /* by number, then kind */
    size_t count, capacity;
};

#define FILES_PLACE_SIZE 24
/* The directory's name: "3", "global". */
const char *files_place(int32_t partition, char text[FILES_PLACE_SIZE]);
/* False: no directory of a partition number has that name. */
bool files_place_parse(const char *name, int32_t *partition);

/* STATE_DIR/checkpoints/PARTITION, and of a file in it; NULL: out of memory. */
char *files_directory(const char *state_dir, int32_t partition);
char *files_path(const char *state_dir, int32_t partition, uint64_t number, enum file_kind kind);

/* A missing directory has no files. False with an error, ERROR_INVALID if others may access it. */
bool files_list(const char *directory, bool must_be_private, struct file_list *list,
                struct error *error);
void file_list_release(struct file_list *list);

/* Makes a directory inside of another one, which only this service may access. */
bool files_make_one(const char *above, const char *directory, struct error *error);
/* Makes the partition number's directory, and its parents. */
bool files_make_directory(const char *state_dir, int32_t partition, struct error *error);
bool files_sync_directory(const char *directory, struct error *error);

enum file_outcome {
    FILE_READ,
    FILE_NONE,      /* it does not exist */
    FILE_DAMAGED,   /* unusable for everyone */
    FILE_REFUSED,   /* another format, another group's, or accessible to others */
    FILE_UNREADABLE /* it may be good: out of memory (ERROR_MEMORY), or an error of the system */
};

/* The whole file; free() it. `error` is filled unless it was read. */
enum file_outcome files_read(const char *path, char **bytes, size_t *size, struct error *error);
/* `group` NULL: any. */
enum file_outcome files_read_checkpoint(const char *path, int32_t partition, uint64_t number,
                                        const char *group, struct checkpoint *checkpoint,
                                        struct error *error);
/* Renames what is damaged or refused, and logs that, with the text of `error`. Others are only
 * logged. */
void files_set_aside(const char *path, enum file_outcome outcome, struct log *log,
                     const struct error *error);

/* Under another name, synced and renamed; the directory is synced. */
bool files_write(const char *state_dir, int32_t partition, uint64_t number,
                 const struct text *bytes, struct error *error);
/* What a strategy refused, beside the checkpoints: NUMBER.NAME.refused, replacing an existing one.
 * Returns the path, to free(); NULL with an error. */
char *files_write_refused(const char *state_dir, int32_t partition, uint64_t number,
                          const char *name, const struct text *bytes, struct error *error);

#endif
