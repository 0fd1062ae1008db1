/* The description of the interface: openapi.json, with the version in its place. */
#include "ops/http/routes.h"

#include "base/embed.h"

#include <string.h>

EMBED(openapi, "ops/http/openapi.json");

#define VERSION "@VERSION@"

_Static_assert(HTTP_PAGE_MAX == 1000 && HTTP_PARAMETER_MAX == 128, "openapi.json says so");

HTTP_HANDLER(http_openapi) {
    const struct http *http = context;
    struct text *text = &answer->body;
    (void)request;
    const size_t size = (size_t)(openapi_end - openapi_begin);
    const char *version = memmem(openapi_begin, size, VERSION, sizeof VERSION - 1);
    text_append(text, openapi_begin, (size_t)(version - openapi_begin));
    text_puts(text, http->options.version);
    version += sizeof VERSION - 1;
    text_append(text, version, (size_t)(openapi_end - version));
}
