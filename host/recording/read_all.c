#include "recording/reader.h"

bool recording_read_all(const char *path, recording_visit *visit, void *context,
                        struct error *error) {
    struct recording_options options = {.pool = recording_pool_new()};
    struct recording_entry entry;
    enum recording_result result = RECORDING_ENTRY;
    if (options.pool == NULL)
        return error_set_memory(error, "reading a recorded file");
    struct recording_reader *reader = recording_reader_open(path, &options, error);
    bool did = reader != NULL;
    while (did && (result = recording_reader_next(reader, &entry, error)) == RECORDING_ENTRY)
        did = visit(context, &entry, error);
    recording_reader_close(reader);
    recording_pool_free(options.pool);
    return did && result != RECORDING_FAILED;
}
