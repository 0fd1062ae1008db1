/*
 * Runs a strategy over recorded messages, by the test kit: what it says, as JSON lines.
 *   run_strategy X.so [NAME=VALUE...] [--reload N] <messages >signals
 * Messages are JSON lines as `kcat -J` writes them. With --reload the instance is saved, thrown
 * away and loaded again after every N messages.
 */
#include <take5/testkit.h>

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(const char *text) {
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void put_signals(t5_kit *kit) {
    for (size_t i = 0; i < t5_kit_signal_count(kit); i++) {
        const t5_kit_signal *signal = t5_kit_signal_at(kit, i);
        printf("{\"line\":%" PRId64 ",\"name\":\"%s\",\"symbol\":", signal->offset, signal->name);
        put_text(signal->symbol);
        printf(",\"time\":%" PRId64 ",\"value\":%.17g,\"confidence\":%.17g,\"data\":%s}\n",
               signal->event_time_ns, signal->value, signal->confidence, signal->data);
    }
}

/* Anything that the strategy or the host complains of. */
static bool has_problems(t5_kit *kit) {
    for (size_t i = 0; i < t5_kit_error_count(kit); i++)
        fprintf(stderr, "%s: %s\n", t5_kit_error_at(kit, i)->callback,
                t5_kit_error_at(kit, i)->text);
    for (size_t i = 0; i < t5_kit_line_count(kit); i++)
        fprintf(stderr, "%s\n", t5_kit_line_at(kit, i)->text);
    return t5_kit_error_count(kit) + t5_kit_line_count(kit) > 0;
}

static bool give(t5_kit *kit, const char *line) {
    cJSON *json = cJSON_Parse(line);
    const char *payload = cJSON_GetStringValue(cJSON_GetObjectItem(json, "payload"));
    const char *topic = cJSON_GetStringValue(cJSON_GetObjectItem(json, "topic"));
    if (payload == NULL || topic == NULL) {
        fprintf(stderr, "not a message: %s", line);
        cJSON_Delete(json);
        return false;
    }
    t5_kit_record record = t5_kit_record_init(topic, payload);
    record.key = t5_text(cJSON_GetStringValue(cJSON_GetObjectItem(json, "key")));
    record.offset = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(json, "offset"));
    record.kafka_time_ns = (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(json, "ts")) * 1000000;
    const int32_t code = t5_kit_feed(kit, &record);
    const bool is_good = code == T5_OK || code == T5_KIT_NOT_WANTED;
    if (!is_good)
        fprintf(stderr, "%s\n%s", t5_kit_problem(kit), line);
    cJSON_Delete(json);
    put_signals(kit);
    const bool is_quiet = !has_problems(kit);
    t5_kit_clear(kit);
    return is_good && is_quiet;
}

static bool run(t5_kit *kit, uint64_t reload) {
    char *line = NULL;
    size_t capacity = 0;
    bool is_good = true;
    for (uint64_t n = 1; is_good && getline(&line, &capacity, stdin) > 0; n++) {
        is_good = give(kit, line);
        if (is_good && reload > 0 && n % reload == 0 && t5_kit_reload(kit) != T5_OK) {
            fprintf(stderr, "%s\n", t5_kit_problem(kit));
            is_good = false;
        }
    }
    free(line);
    return is_good;
}

int main(int argc, char **argv) {
    uint64_t reload = 0;
    t5_kit *kit = t5_kit_new();
    if (argc < 2 || kit == NULL)
        return 2;
    bool is_good = t5_kit_open(kit, argv[1]) == T5_OK;
    for (int i = 2; is_good && i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (strcmp(argv[i], "--reload") == 0 && i + 1 < argc) {
            reload = strtoull(argv[++i], NULL, 10);
        } else if (equals != NULL) {
            *equals = '\0';
            t5_kit_set(kit, argv[i], equals + 1);
        } else {
            fprintf(stderr, "%s: what is that?\n", argv[i]);
            t5_kit_free(kit);
            return 2;
        }
    }
    is_good = is_good && t5_kit_start(kit) == T5_OK;
    if (!is_good)
        fprintf(stderr, "%s\n", t5_kit_problem(kit));
    is_good = is_good && run(kit, reload);
    t5_kit_free(kit);
    return is_good ? 0 : 1;
}
