/*
 * recording/packing.h - gzip and zstd, as recorded files are packed: streams are unpacked piece by
 * piece in bounded memory, and written a frame at a time.
 *
 * A *frame* is what both can be cut at: a member of gzip, a frame of zstd. A file is any number of
 * them, one behind the other, so that one more can be appended.
 */
#ifndef TAKE5_RECORDING_PACKING_H
#define TAKE5_RECORDING_PACKING_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum recording_packing { RECORDING_PLAIN, RECORDING_GZIP, RECORDING_ZSTD };

/* So many bytes of the beginning decide. */
#define RECORDING_PACKING_SIZE 4

enum recording_packing recording_packing_of(const char *bytes, size_t size);
/* By ".gz", ".zst" at the end of a name. */
enum recording_packing recording_packing_of_name(const char *path);
/* "plain text", "gzip data", "zstd data". */
const char *recording_packing_name(enum recording_packing packing);

/* Appends the bytes as one frame. False when memory ran out; then nothing was appended. */
bool recording_pack(enum recording_packing packing, const char *bytes, size_t size,
                    struct text *packed);

struct recording_unpacker;

/* Packed bytes from `in` on, and room from `out` on; both move with what was used. */
struct recording_piece {
    const char *in;
    size_t in_size;
    char *out;
    size_t out_size;
};

/* NULL when memory runs out. Holds 128 MiB at most, the largest window that zstd uses by itself. */
struct recording_unpacker *recording_unpacker_new(enum recording_packing packing);
/* NULL is allowed. */
void recording_unpacker_free(struct recording_unpacker *unpacker);
/* Unpacks as far as bytes and room go, at most to the end of a frame. NULL when it is good, else
 * what is wrong, as a text that lives as long as the unpacker. */
const char *recording_unpack(struct recording_unpacker *unpacker, struct recording_piece *piece);
/* Whether the bytes so far end where a frame ends. */
bool recording_unpacker_is_between(const struct recording_unpacker *unpacker);

#endif
