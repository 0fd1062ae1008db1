#include "recording/packing.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_WINDOW (15 + 16) /* with gzip's header and no other */
#define GZIP_MEMORY 8
#define ZSTD_LEVEL  3

/* Zstd has frames that are skipped, too: pzstd begins with one. */
enum recording_packing recording_packing_of(const char *bytes, size_t size) {
    if (size >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0)
        return RECORDING_GZIP;
    if (size >= 4 && (memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0 ||
                      ((bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0)))
        return RECORDING_ZSTD;
    return RECORDING_PLAIN;
}

static bool has_ending(const char *path, const char *ending) {
    const size_t size = strlen(path), wanted = strlen(ending);
    return size > wanted && strcmp(path + size - wanted, ending) == 0;
}

enum recording_packing recording_packing_of_name(const char *path) {
    return has_ending(path, ".gz")    ? RECORDING_GZIP
           : has_ending(path, ".zst") ? RECORDING_ZSTD
                                      : RECORDING_PLAIN;
}

const char *recording_packing_name(enum recording_packing packing) {
    return packing == RECORDING_GZIP   ? "gzip data"
           : packing == RECORDING_ZSTD ? "zstd data"
                                       : "plain text";
}

/* ---- packing ---- */

/* Room for so many bytes behind the text. */
static char *room_behind(struct text *text, size_t size) {
    text_reserve(text, text->size + size + 1);
    return text->capacity > text->size + size ? text->data + text->size : NULL;
}

static bool pack_gzip(const char *bytes, size_t size, struct text *packed) {
    z_stream stream = {0};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const size_t bound = deflateBound(&stream, size);
    char *to = size <= UINT_MAX && bound <= UINT_MAX ? room_behind(packed, bound) : NULL;
    bool did = to != NULL;
    if (did) {
        stream.next_in = (z_const Bytef *)bytes;
        stream.avail_in = (uInt)size;
        stream.next_out = (Bytef *)to;
        stream.avail_out = (uInt)bound;
        did = deflate(&stream, Z_FINISH) == Z_STREAM_END;
        packed->size += did ? stream.total_out : 0;
        packed->data[packed->size] = '\0';
    }
    deflateEnd(&stream);
    return did;
}

static bool pack_zstd(const char *bytes, size_t size, struct text *packed) {
    const size_t bound = ZSTD_compressBound(size);
    char *to = room_behind(packed, bound);
    ZSTD_CCtx *context = to != NULL ? ZSTD_createCCtx() : NULL;
    if (context == NULL)
        return false;
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    const size_t took = ZSTD_compress2(context, to, bound, bytes, size);
    ZSTD_freeCCtx(context);
    packed->size += ZSTD_isError(took) ? 0 : took;
    packed->data[packed->size] = '\0';
    return !ZSTD_isError(took);
}

bool recording_pack(enum recording_packing packing, const char *bytes, size_t size,
                    struct text *packed) {
    if (packing == RECORDING_GZIP)
        return pack_gzip(bytes, size, packed);
    if (packing == RECORDING_ZSTD)
        return pack_zstd(bytes, size, packed);
    text_append(packed, bytes, size);
    return !text_is_oom(packed);
}

/* ---- unpacking ---- */

struct recording_unpacker {
    enum recording_packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    bool is_between;
};

struct recording_unpacker *recording_unpacker_new(enum recording_packing packing) {
    struct recording_unpacker *unpacker = calloc(1, sizeof *unpacker);
    if (unpacker == NULL)
        return NULL;
    unpacker->packing = packing;
    unpacker->is_between = true;
    const bool did = packing == RECORDING_GZIP ? inflateInit2(&unpacker->gzip, GZIP_WINDOW) == Z_OK
                                               : (unpacker->zstd = ZSTD_createDStream()) != NULL;
    if (did)
        return unpacker;
    free(unpacker);
    return NULL;
}

void recording_unpacker_free(struct recording_unpacker *unpacker) {
    if (unpacker == NULL)
        return;
    if (unpacker->packing == RECORDING_GZIP)
        inflateEnd(&unpacker->gzip);
    ZSTD_freeDStream(unpacker->zstd);
    free(unpacker);
}

static uInt at_most(size_t size) {
    return size < UINT_MAX ? (uInt)size : UINT_MAX;
}

static const char *unpack_gzip(struct recording_unpacker *unpacker, struct recording_piece *piece) {
    z_stream *stream = &unpacker->gzip;
    if (unpacker->is_between)
        inflateReset(stream);
    const uInt in_size = at_most(piece->in_size), out_size = at_most(piece->out_size);
    stream->next_in = (z_const Bytef *)piece->in;
    stream->avail_in = in_size;
    stream->next_out = (Bytef *)piece->out;
    stream->avail_out = out_size;
    const int result = inflate(stream, Z_NO_FLUSH);
    piece->in += in_size - stream->avail_in;
    piece->in_size -= in_size - stream->avail_in;
    piece->out += out_size - stream->avail_out;
    piece->out_size -= out_size - stream->avail_out;
    unpacker->is_between = result == Z_STREAM_END;
    if (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR)
        return NULL;
    return stream->msg != NULL ? stream->msg : zError(result);
}

static const char *unpack_zstd(struct recording_unpacker *unpacker, struct recording_piece *piece) {
    ZSTD_inBuffer in = {piece->in, piece->in_size, 0};
    ZSTD_outBuffer out = {piece->out, piece->out_size, 0};
    const size_t left = ZSTD_decompressStream(unpacker->zstd, &out, &in);
    piece->in += in.pos;
    piece->in_size -= in.pos;
    piece->out += out.pos;
    piece->out_size -= out.pos;
    unpacker->is_between = left == 0;
    return ZSTD_isError(left) ? ZSTD_getErrorName(left) : NULL;
}

const char *recording_unpack(struct recording_unpacker *unpacker, struct recording_piece *piece) {
    if (unpacker->is_between && piece->in_size == 0)
        return NULL;
    return unpacker->packing == RECORDING_GZIP ? unpack_gzip(unpacker, piece)
                                               : unpack_zstd(unpacker, piece);
}

bool recording_unpacker_is_between(const struct recording_unpacker *unpacker) {
    return unpacker->is_between;
}
