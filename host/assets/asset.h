/*
 * assets/asset.h - files of the build that are a part of the program: scripts, styles and icons of
 * the pages that it makes, compressed. A room lists its own with take5_assets of
 * host/CMakeLists.txt; here is what all of them share:
 *
 *   charts.js  the chart library, the distribution's, and look.js: texts, elements and charts
 *   look.css   colours, tables and cards, a part of each page's style sheet
 */
#ifndef TAKE5_ASSETS_ASSET_H
#define TAKE5_ASSETS_ASSET_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *name;        /* "assets/app.0123456789ab.js": who knows it knows the content */
    const char *type;        /* as HTTP has it */
    const char *sha256;      /* of the content: 64 hexadecimal digits */
    const char *begin, *end; /* gzip */
};

/* For a room's list (embed.cmake), which is included twice: with this as ASSET to embed the files,
 * and with the next one for the elements of an array. */
#define ASSET_EMBED(symbol, name, type, sha256, path) EMBED(symbol, path);
#define ASSET_ELEMENT(symbol, name, type, sha256, path)                                            \
    {name, type, sha256, symbol##_begin, symbol##_end},

const struct asset *asset_charts(void);

/* Whether it is the one that pages call so: "app.js" is "assets/app.0123456789ab.js". */
bool asset_is(const struct asset *asset, const char *name);
/* Appends the content. False: no memory. */
bool asset_unpack(const struct asset *asset, struct text *text);

#endif
