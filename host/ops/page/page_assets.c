/* Scripts, styles and the icon, by names that have a hash of their content (assets/asset.h). */
#include "ops/page/page_private.h"

#include "assets/asset.h"
#include "base/embed.h"

#include <string.h>

#define ASSET ASSET_EMBED
#include "ops_page_files.inc"
#undef ASSET

/* Whoever knows the name knows the content. */
#define CACHE "public, max-age=31536000, immutable"

/* NULL: there are no more. */
static const struct asset *asset_at(size_t index) {
#define ASSET ASSET_ELEMENT
    static const struct asset list[] = {
#include "ops_page_files.inc"
    };
#undef ASSET
    if (index == 0)
        return asset_charts();
    return index - 1 < sizeof list / sizeof *list ? &list[index - 1] : NULL;
}

/* "assets/app.HASH.js" for "app.js". */
const char *page_asset_path(const char *name) {
    const struct asset *asset;
    for (size_t i = 0; (asset = asset_at(i)) != NULL; i++)
        if (asset_is(asset, name))
            return asset->name;
    return "";
}

/* NULL: there is none of that name. */
static const struct asset *find_asset(t5_str name) {
    const struct asset *asset;
    for (size_t i = 0; (asset = asset_at(i)) != NULL; i++)
        if (t5_str_equal(name, t5_text(asset->name + strlen("assets/"))))
            return asset;
    return NULL;
}

static bool takes_gzip(const struct http_request *request) {
    const char *accepted = http_header(request, "Accept-Encoding");
    return accepted != NULL && strstr(accepted, "gzip") != NULL;
}

void page_answer_asset(const struct http_request *request, struct http_answer *answer) {
    const struct asset *found = find_asset(http_parameter(request));
    if (found == NULL) {
        http_fail(answer, 404, "no such file; the page at / names those there are");
        return;
    }
    if (takes_gzip(request)) {
        text_append(&answer->body, found->begin, (size_t)(found->end - found->begin));
        answer->encoding = "gzip";
    } else if (!asset_unpack(found, &answer->body)) {
        http_fail(answer, 503, "out of memory");
        return;
    }
    answer->content_type = found->type;
    answer->cache = CACHE;
}
