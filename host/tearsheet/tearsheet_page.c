/*
 * The document. Scripts and styles are of the build and named in its policy by their hashes:
 * whatever a text holds, nothing else can run. The data is JSON in an element that is none of
 * these, without a single '<', so that it cannot end that.
 */
#include "assets/asset.h"
#include "base/embed.h"
#include "tearsheet/tearsheet.h"

#include <string.h>

#define ASSET ASSET_EMBED
#include "tearsheet_files.inc"
#undef ASSET

EMBED(tearsheet_body, "tearsheet/page/body.html");

/* By which a command knows an old page (cli/uses.c). */
#define MARK "<!doctype html>\n<!-- take5 report -->\n"

enum { OWN_SCRIPT, OWN_STYLE };

static const struct asset *own_asset(size_t index) {
#define ASSET ASSET_ELEMENT
    static const struct asset list[] = {
#include "tearsheet_files.inc"
    };
#undef ASSET
    return &list[index];
}

static unsigned char digit_of(char c) {
    return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* As a policy has it: 'sha256-BASE64'. */
static void put_hash(struct text *page, const struct asset *asset) {
    unsigned char bytes[32];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(digit_of(asset->sha256[2 * i]) << 4 |
                                   digit_of(asset->sha256[2 * i + 1]));
    text_puts(page, " 'sha256-");
    text_base64(page, bytes, sizeof bytes);
    text_puts(page, "'");
}

static void put_head(struct text *page) {
    text_puts(page,
              MARK "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "base-uri 'none'; form-action 'none'; script-src");
    put_hash(page, asset_charts());
    put_hash(page, own_asset(OWN_SCRIPT));
    text_puts(page, "; style-src");
    put_hash(page, own_asset(OWN_STYLE));
    text_puts(page, "\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<meta name=\"color-scheme\" content=\"light dark\">\n"
                    "<title>take5 report</title>\n");
}

static bool put_element(struct text *page, const char *name, const struct asset *asset) {
    text_printf(page, "<%s>", name);
    const bool did = asset_unpack(asset, page);
    text_printf(page, "</%s>\n", name);
    return did;
}

static void put_data(struct text *page, const struct text *data) {
    const char *from = data->data, *end = data->data + data->size;
    text_puts(page, "<script type=\"application/json\" id=\"data\">");
    for (const char *mark; (mark = memchr(from, '<', (size_t)(end - from))) != NULL;
         from = mark + 1) {
        text_append(page, from, (size_t)(mark - from));
        text_puts(page, "\\u003c");
    }
    text_append(page, from, (size_t)(end - from));
    text_puts(page, "</script>\n");
}

bool tearsheet_write_page(struct text *page, const struct text *data) {
    put_head(page);
    bool did = put_element(page, "style", own_asset(OWN_STYLE));
    text_puts(page, "</head>\n");
    text_append(page, tearsheet_body_begin, (size_t)(tearsheet_body_end - tearsheet_body_begin));
    put_data(page, data);
    did = did && put_element(page, "script", asset_charts()) &&
          put_element(page, "script", own_asset(OWN_SCRIPT));
    text_puts(page, "</body>\n</html>\n");
    return did && !text_is_oom(page);
}
