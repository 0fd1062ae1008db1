#include "checkpoint/directory_private.h"

#include <stdlib.h>
#include <unistd.h>

struct directory_place *directory_place(struct directory *self, int32_t partition) {
    struct directory_place *place = self->places;
    while (place != NULL && place->partition != partition)
        place = place->next;
    if (place != NULL)
        return place;
    place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->partition = partition;
    place->journal = -1;
    place->next = self->places;
    self->places = place;
    return place;
}

struct journal_owner directory_owner(const struct directory *self, int32_t partition,
                                     uint64_t number) {
    return (struct journal_owner){.partition = partition,
                                  .number = number,
                                  .group = self->owner.group,
                                  .topics = self->owner.topics,
                                  .topic_count = self->owner.topic_count};
}

bool directory_list(const struct directory *self, int32_t partition, struct file_list *files,
                    struct error *error) {
    char *directory = files_directory(self->state_dir, partition);
    *files = (struct file_list){0};
    const bool did = directory != NULL ? files_list(directory, true, files, error)
                                       : error_set_memory(error, "a path");
    free(directory);
    return did;
}

void directory_remove(const struct directory *self, int32_t partition,
                      const struct file_name *file) {
    char *path = files_path(self->state_dir, partition, file->number, file->kind);
    if (path != NULL)
        unlink(path);
    free(path);
}
