/*
 * recording/input.h - the bytes of a recorded file in order, unpacked where it is packed. Whether
 * it is shows in its first bytes, whatever it is called, also on a pipe. One thread at a time.
 *
 * A packed file that is cut off or damaged gives what lies before that place, and then an error
 * with the byte of the file.
 */
#ifndef TAKE5_RECORDING_INPUT_H
#define TAKE5_RECORDING_INPUT_H

#include "base/error.h"
#include "recording/packing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum recording_result {
    RECORDING_ENTRY = 1,
    RECORDING_END,
    RECORDING_STOPPED, /* by before_read (reader.h) */
    RECORDING_FAILED
};

struct recording_input;

/* Opens a file; "-" is the standard input. `begin_at` of what is read comes first; above 0 for
 * regular files only, and what is packed is unpacked up to there. NULL with an error. */
struct recording_input *recording_input_open(const char *path, uint64_t begin_at,
                                             struct error *error);
/* NULL is allowed. */
void recording_input_close(struct recording_input *input);

/* The descriptor that the next call reads from, and may wait for; -1: it has bytes left. */
int recording_input_waits_for(const struct recording_input *input);
/* ENTRY with `*got` bytes, which may be 0: more may come with the next call. */
enum recording_result recording_input_read(struct recording_input *input, char *to, size_t room,
                                           size_t *got, struct error *error);

/* Known with the first bytes. */
enum recording_packing recording_input_packing(const struct recording_input *input);
/* Bytes of the file itself, from its beginning, that were read. */
uint64_t recording_input_bytes(const struct recording_input *input);
/* The size of a regular file; -1 when it is not known. */
int64_t recording_input_size(const struct recording_input *input);

/* Of a packed file: where the last frame that is whole ends, in the file and in what it gave. */
void recording_input_whole(const struct recording_input *input, uint64_t *file_end,
                           uint64_t *text_end);
/* Whether it failed since the file ends within a frame. */
bool recording_input_is_cut(const struct recording_input *input);

#endif
