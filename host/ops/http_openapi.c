/* The description of the interface: paths from the table of routes, forms of the answers below. */
#include "ops/http_routes.h"

#include <string.h>

static void put_string(struct text *text, const char *string) {
    text_json_string(text, string, strlen(string));
}

/* One line a form. Members that are not listed may come. */
static const char schemas[] =
    "\"Error\":{\"type\":\"object\",\"required\":[\"status\",\"message\"],\"properties\":{"
    "\"status\":{\"type\":\"string\",\"enum\":[\"error\"]},\"message\":{\"type\":\"string\"}}},"

    "\"Health\":{\"type\":\"object\",\"required\":[\"status\",\"service\",\"timestamp\"],"
    "\"properties\":{\"status\":{\"type\":\"string\",\"enum\":[\"healthy\",\"unhealthy\",\"live\","
    "\"stuck\"]},\"service\":{\"type\":\"string\"},\"timestamp\":{\"$ref\":"
    "\"#/components/schemas/Milliseconds\"},\"detail\":{\"type\":\"string\"}}},"

    "\"Milliseconds\":{\"type\":\"integer\",\"format\":\"int64\",\"description\":"
    "\"Milliseconds since 1970-01-01T00:00:00Z\"},"

    "\"Readiness\":{\"type\":\"object\",\"required\":[\"status\",\"service\",\"timestamp\","
    "\"checks\"],\"properties\":{\"status\":{\"type\":\"string\",\"enum\":[\"ready\",\"not "
    "ready\"]},\"service\":{\"type\":\"string\"},\"timestamp\":{\"$ref\":"
    "\"#/components/schemas/Milliseconds\"},\"checks\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\",\"required\":[\"name\",\"status\",\"detail\"],\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"status\":{\"type\":\"string\",\"enum\":[\"well\",\"remark\",\"ill\"],"
    "\"description\":\"remark: not well, but no reason to be not ready\"},\"detail\":{\"type\":"
    "\"string\"}}}}}},"

    "\"Stats\":{\"type\":\"object\",\"required\":[\"service\",\"uptime_s\",\"live\",\"stopping\","
    "\"draining\",\"source\",\"totals\",\"lanes\",\"assignment\",\"lag\",\"sinks\",\"strategies\","
    "\"last_reload\"],\"properties\":{\"service\":{\"type\":\"string\"},\"uptime_s\":{\"type\":"
    "\"number\"},\"live\":{\"type\":\"boolean\"},\"stopping\":{\"type\":\"boolean\"},\"draining\":"
    "{\"type\":\"boolean\"},\"source\":{\"type\":\"object\"},\"totals\":{\"type\":\"object\"},"
    "\"lanes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"assignment\":{\"type\":"
    "\"array\",\"items\":{\"type\":\"object\"}},\"lag\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\"}},\"sinks\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},\"strategies\":{"
    "\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Strategy\"}},\"last_reload\":{"
    "\"type\":\"object\",\"nullable\":true}}},"

    "\"Strategies\":{\"type\":\"object\",\"required\":[\"strategies\"],\"properties\":{"
    "\"strategies\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Strategy\"}}}},"

    "\"Strategy\":{\"type\":\"object\",\"required\":[\"name\",\"strategy\",\"version\",\"state\","
    "\"why\",\"generation\",\"hash\",\"scope\",\"instances\",\"messages\",\"signals\",\"errors\","
    "\"busy_ms\",\"p50_us\",\"p99_us\"],\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"strategy\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"state\":{\"type\":"
    "\"string\",\"enum\":[\"running\",\"suspended\"]},\"why\":{\"type\":\"string\"},"
    "\"generation\":{\"type\":\"integer\"},\"hash\":{\"type\":\"string\"},\"scope\":{\"type\":"
    "\"string\",\"enum\":[\"keyed\",\"global\"]},\"instances\":{\"type\":\"integer\"},"
    "\"messages\":{\"type\":\"integer\"},\"signals\":{\"type\":\"integer\"},\"errors\":{\"type\":"
    "\"integer\"},\"busy_ms\":{\"type\":\"number\"},\"p50_us\":{\"type\":\"number\"},\"p99_us\":{"
    "\"type\":\"number\"}}},"

    "\"AssetTrends\":{\"type\":\"object\",\"required\":[\"status\",\"timestamp\","
    "\"totalRecords\",\"data\"],\"properties\":{\"status\":{\"type\":\"string\",\"enum\":["
    "\"success\"]},\"timestamp\":{\"$ref\":\"#/components/schemas/Milliseconds\"},"
    "\"totalRecords\":{\"type\":\"integer\"},\"data\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\",\"required\":[\"asset\",\"barTimeFrame\",\"lastUpdateTime\",\"numRecords\"],"
    "\"properties\":{\"asset\":{\"type\":\"string\"},\"barTimeFrame\":{\"type\":\"integer\","
    "\"description\":\"Seconds\"},\"lastUpdateTime\":{\"$ref\":"
    "\"#/components/schemas/Milliseconds\"},\"numRecords\":{\"type\":\"integer\"}}}}}},"

    "\"AlgorithmResults\":{\"type\":\"object\",\"required\":[\"status\",\"timestamp\","
    "\"totalRecords\",\"data\"],\"properties\":{\"status\":{\"type\":\"string\",\"enum\":["
    "\"success\"]},\"timestamp\":{\"$ref\":\"#/components/schemas/Milliseconds\"},"
    "\"totalRecords\":{\"type\":\"integer\"},\"data\":{\"type\":\"array\",\"items\":{\"type\":"
    "\"object\",\"required\":[\"id\",\"deployment\",\"strategy\",\"version\",\"name\",\"symbol\","
    "\"event_time\",\"event_time_ns\",\"value\",\"confidence\",\"topic\",\"partition\",\"offset\"],"
    "\"properties\":{\"id\":{\"type\":\"string\"},\"deployment\":{\"type\":\"string\"},"
    "\"strategy\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"name\":{\"type\":"
    "\"string\"},\"symbol\":{\"type\":\"string\"},\"event_time\":{\"type\":\"string\"},"
    "\"event_time_ns\":{\"type\":\"integer\",\"format\":\"int64\"},\"value\":{\"type\":\"number\"},"
    "\"confidence\":{\"type\":\"number\"},\"topic\":{\"type\":\"string\"},\"partition\":{\"type\":"
    "\"integer\"},\"offset\":{\"type\":\"integer\",\"format\":\"int64\"},\"data\":{\"type\":"
    "\"object\"}}}}}},"

    "\"Description\":{\"type\":\"object\",\"required\":[\"openapi\",\"info\",\"paths\"]}";

static void put_page_parameters(struct text *text) {
    text_printf(text,
                "{\"name\":\"limit\",\"in\":\"query\",\"description\":\"At most so many "
                "entries\",\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":%d,"
                "\"default\":%d}},{\"name\":\"offset\",\"in\":\"query\",\"description\":\"Entries "
                "to leave out at the beginning\",\"schema\":{\"type\":\"integer\",\"minimum\":0,"
                "\"maximum\":%d,\"default\":0}}",
                HTTP_PAGE_MAX, HTTP_PAGE_MAX, INT32_MAX);
}

static void put_parameters(struct text *text, const struct http_route *route,
                           const struct http_doc *doc) {
    const char *brace = strchr(route->path, '{');
    text_puts(text, "\"parameters\":[");
    if (brace != NULL) {
        text_puts(text, "{\"name\":");
        text_json_string(text, brace + 1, strlen(brace) - 2);
        text_puts(text, ",\"in\":\"path\",\"required\":true,\"description\":");
        put_string(text, doc->parameter);
        text_puts(text, ",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":");
        text_printf(text, "%d}}", HTTP_PARAMETER_MAX);
    }
    if (doc->is_paged) {
        if (brace != NULL)
            text_putc(text, ',');
        put_page_parameters(text);
    }
    text_puts(text, "],");
}

static void put_response(struct text *text, const char *status, const char *description,
                         const char *schema) {
    text_printf(text, "\"%s\":{\"description\":\"%s\",\"content\":{", status, description);
    if (schema == NULL)
        text_puts(text, "\"text/plain\":{\"schema\":{\"type\":\"string\"}}}}");
    else
        text_printf(text,
                    "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/%s\"}}}}",
                    schema);
}

static void put_responses(struct text *text, const struct http_route *route,
                          const struct http_doc *doc) {
    text_puts(text, "\"responses\":{");
    put_response(text, "200", "Well", doc->schema);
    if (doc->is_paged) {
        text_putc(text, ',');
        put_response(text, "400", "The query is wrong", "Error");
    }
    if (strchr(route->path, '{') != NULL) {
        text_putc(text, ',');
        put_response(text, "404", "There is no such thing", "Error");
    }
    text_putc(text, ',');
    if (doc->is_503_same)
        put_response(text, "503", "Not well", doc->schema);
    else
        put_response(text, "503", "Too many answers are under way", "Error");
    text_putc(text, '}');
}

static void put_path(struct text *text, const struct http_route *route) {
    const struct http_doc *doc = route->detail;
    put_string(text, route->path);
    text_puts(text, ":{\"get\":{\"summary\":");
    put_string(text, route->summary);
    text_putc(text, ',');
    put_parameters(text, route, doc);
    put_responses(text, route, doc);
    text_puts(text, "}}");
}

HTTP_HANDLER(http_openapi) {
    const struct http *http = context;
    struct text *text = &answer->body;
    (void)request;
    text_puts(text, "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"take5\",\"description\":\"What a "
                    "running host tells. Nothing here changes anything.\",\"version\":");
    put_string(text, http->options.version);
    text_puts(text, "},\"paths\":{");
    for (const struct http_route *route = http->routes; route->path != NULL; route++) {
        if (route != http->routes)
            text_putc(text, ',');
        put_path(text, route);
    }
    text_puts(text, "},\"components\":{\"schemas\":{");
    text_puts(text, schemas);
    text_puts(text, "}}}\n");
}
