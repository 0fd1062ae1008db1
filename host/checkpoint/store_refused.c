/* States that strategies refuse are kept beside the checkpoints, whatever the backend is. */
#include "checkpoint/checkpoint_files.h"
#include "checkpoint/store_private.h"

static char *write_refused(const struct checkpoint_store *store,
                           const struct checkpoint *checkpoint, struct checkpoint_part *part,
                           struct error *error) {
    struct checkpoint alone = *checkpoint;
    struct text bytes;
    alone.parts = part;
    alone.part_count = 1;
    text_init(&bytes);
    checkpoint_encode(&alone, &bytes);
    char *path = text_is_oom(&bytes)
                     ? NULL
                     : files_write_refused(store->state_dir, checkpoint->partition,
                                           checkpoint->number, part->deployment, &bytes, error);
    if (text_is_oom(&bytes))
        error_set_memory(error, "a state that was refused");
    text_release(&bytes);
    return path;
}

char *checkpoint_store_keep_refused(struct checkpoint_store *store,
                                    const struct checkpoint *checkpoint, const char *deployment,
                                    struct error *error) {
    struct checkpoint_part *part = checkpoint_part(checkpoint, deployment);
    if (part == NULL) {
        error_set(error, ERROR_STATE, "the checkpoint has nothing of it");
        return NULL;
    }
    return checkpoint->number == 0 ? store_keep_old(store, checkpoint->partition, deployment, error)
                                   : write_refused(store, checkpoint, part, error);
}
