/*
 * checkpoint/directory_private.h - what the directory's files share:
 *
 *   directory.c              life, journals
 *   directory_checkpoints.c  writing checkpoints, and which of them are kept
 *   directory_find.c         what there is: control
 *
 * For this room only.
 */
#ifndef TAKE5_CHECKPOINT_DIRECTORY_PRIVATE_H
#define TAKE5_CHECKPOINT_DIRECTORY_PRIVATE_H

#include "checkpoint/checkpoint_files.h"
#include "checkpoint/directory.h"
#include "checkpoint/journal_file.h"

/* Positions of an existing file, which decide whether it is usable. */
struct directory_head {
    uint64_t number;
    struct checkpoint checkpoint; /* without states */
};

/* A partition number's files, as the store's thread knows them. */
struct directory_place {
    struct directory_place *next;
    int32_t partition;
    struct directory_head *heads;
    size_t head_count, head_capacity;
    struct directory_place *next_dirty;
    bool is_dirty;
    bool is_holed; /* the journal has to report that frames were lost */
    int journal;   /* descriptor; -1: none open */
    uint64_t journal_number;
    uint64_t journal_size;
    bool is_journal_new; /* its directory has to be synced */
};

struct directory {
    struct store_backend backend;
    char *state_dir;
    struct backend_owner owner;
    /* The store's thread's. */
    struct directory_place *places, *dirty;
};

/* Found or made; NULL: out of memory. */
struct directory_place *directory_place(struct directory *self, int32_t partition);
struct journal_owner directory_owner(const struct directory *self, int32_t partition,
                                     uint64_t number);
bool directory_list(const struct directory *self, int32_t partition, struct file_list *files,
                    struct error *error);
void directory_remove(const struct directory *self, int32_t partition,
                      const struct file_name *file);

/* directory_checkpoints.c */
bool directory_write(struct store_backend *backend, struct checkpoint *checkpoint, uint64_t *size,
                     struct error *error);
void directory_prune(struct store_backend *backend, struct checkpoint *checkpoint,
                     struct backend_pruning *pruning);
void directory_release_heads(struct directory_place *place);

/* directory_find.c */
bool directory_find(struct store_backend *backend, int32_t partition,
                    const struct positions *committed, struct checkpoint *checkpoint,
                    struct text *why, struct backend_found *found, struct error *error);
bool directory_find_before(struct store_backend *backend, int32_t partition, uint64_t number,
                           const struct positions *committed, struct checkpoint *checkpoint,
                           struct error *error);
bool directory_look(struct store_backend *backend, int32_t partition, struct backend_look *looks,
                    size_t count, struct error *error);
void directory_read_order(struct store_backend *backend, int32_t partition, uint64_t number,
                          struct order *order);
bool directory_highest(struct store_backend *backend, int32_t partition, uint64_t *number,
                       struct error *error);

#endif
