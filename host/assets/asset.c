#include "assets/asset.h"

#include "base/embed.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#define ASSET ASSET_EMBED
#include "assets_files.inc"
#undef ASSET

const struct asset *asset_charts(void) {
#define ASSET ASSET_ELEMENT
    static const struct asset list[] = {
#include "assets_files.inc"
    };
#undef ASSET
    return &list[0];
}

bool asset_is(const struct asset *asset, const char *name) {
    const char *file = asset->name + strlen("assets/");
    const size_t stem = strcspn(name, ".");
    return strncmp(file, name, stem + 1) == 0 && strcmp(strrchr(file, '.'), name + stem) == 0;
}

bool asset_unpack(const struct asset *asset, struct text *text) {
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)asset->begin,
                       .avail_in = (uInt)(asset->end - asset->begin)};
    unsigned char block[4096];
    int status = inflateInit2(&stream, 16 + MAX_WBITS);
    if (status != Z_OK)
        return false;
    while (status == Z_OK) {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        status = inflate(&stream, Z_NO_FLUSH);
        text_append(text, block, sizeof block - stream.avail_out);
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END && !text_is_oom(text);
}
