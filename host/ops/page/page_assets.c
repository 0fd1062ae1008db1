/*
 * Scripts, styles and the icon: files of the build, compressed, whose names have a hash of their
 * content (host/ops/page/assets.cmake).
 */
#include "ops/page/page_private.h"

#include "base/embed.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#define ASSET(symbol, name, type, path) EMBED(symbol, path);
#include "page_asset_files.inc"
#undef ASSET

/* Whoever knows the name knows the content. */
#define CACHE "public, max-age=31536000, immutable"

struct asset {
    const char *name;
    const char *type;
    const char *begin, *end; /* gzip */
};

#define ASSET(symbol, name, type, path) {name, type, symbol##_begin, symbol##_end},
static const struct asset *assets(size_t *count) {
    static const struct asset list[] = {
#include "page_asset_files.inc"
    };
    *count = sizeof list / sizeof *list;
    return list;
}
#undef ASSET

/* "assets/app.HASH.js" for "app.js". */
const char *page_asset_path(const char *name) {
    size_t count;
    const struct asset *list = assets(&count);
    const size_t stem = strcspn(name, ".");
    for (size_t i = 0; i < count; i++) {
        const char *file = list[i].name + strlen("assets/");
        if (strncmp(file, name, stem + 1) == 0 && strcmp(strrchr(file, '.'), name + stem) == 0)
            return list[i].name;
    }
    return "";
}

static bool takes_gzip(const struct http_request *request) {
    const char *accepted = http_header(request, "Accept-Encoding");
    return accepted != NULL && strstr(accepted, "gzip") != NULL;
}

/* False: no memory. */
static bool unpack(const struct asset *asset, struct text *text) {
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
    return status == Z_STREAM_END;
}

void page_answer_asset(const struct http_request *request, struct http_answer *answer) {
    const t5_str name = http_parameter(request);
    size_t count;
    const struct asset *list = assets(&count), *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (t5_str_equal(name, t5_text(list[i].name + strlen("assets/"))))
            found = &list[i];
    if (found == NULL) {
        http_fail(answer, 404, "no such file; the page at / names those there are");
        return;
    }
    if (takes_gzip(request)) {
        text_append(&answer->body, found->begin, (size_t)(found->end - found->begin));
        answer->encoding = "gzip";
    } else if (!unpack(found, &answer->body)) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    answer->content_type = found->type;
    answer->cache = CACHE;
}
