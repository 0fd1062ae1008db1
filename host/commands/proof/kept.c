#include "commands/proof/kept.h"

#include <stdlib.h>

void kept_release(struct kept *kept) {
    for (size_t i = 0; kept->checkpoints != NULL && i < kept->count; i++)
        checkpoint_release(&kept->checkpoints[i]);
    free(kept->checkpoints);
    checkpoint_files_free(kept->files, kept->count);
}

bool kept_is_candidate(const struct kept *kept, size_t index) {
    return !kept->files[index].is_journal && kept->files[index].partition >= 0 &&
           kept->checkpoints[index].number != 0;
}

bool kept_read(struct kept *kept, const char *state_dir, struct error *error) {
    if (!checkpoint_files_list(state_dir, &kept->files, &kept->count, error))
        return false;
    kept->checkpoints = calloc(kept->count + 1, sizeof *kept->checkpoints);
    if (kept->checkpoints == NULL)
        return error_set_memory(error, "checkpoints");
    for (size_t i = 0; i < kept->count; i++) {
        checkpoint_init(&kept->checkpoints[i]);
        if (kept->files[i].is_journal ||
            checkpoint_file_read(kept->files[i].path, &kept->checkpoints[i], error))
            continue;
        if (error->code != ERROR_SYSTEM) /* it went in the meantime */
            return false;
    }
    return true;
}
