/*
 * Messages that are JSON and yet not what a strategy hopes for.
 */
#include "conformance/script/messages_script.h"

#include "base/text.h"
#include "conformance/script/json_edit.h"
#include "synth/market_random.h"

#include <stdlib.h>
#include <string.h>

/* Of so many messages one is left as it is, so that the strategy goes on working. */
#define ONE_WHOLE_IN 4
#define LONG_TEXT    (64u << 10)
#define LARGE_TEXT   (700u << 10)
#define DEEP         60 /* the host takes 64 by default */
#define MANY_MEMBERS 3000

/* NaN and the infinities are what old producers write; the host takes them as absent. */
static const char *const extremes[] = {
    "0",
    "-0",
    "-1",
    "1",
    "0.1",
    "5e-324",
    "1e-320",
    "1.7976931348623157e308",
    "-1.7976931348623157e308",
    "1e400",
    "-1e400",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "123456789012345678901234567890.5",
    "NaN",
    "Infinity",
    "-Infinity",
};

static const char *const texts[] = {
    "\"\"",
    "\" \"",
    "\"0\"",
    "\"NaN\"",
    "\"1e400\"",
    "\"%s%n%d\"",
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\ud83d\\ude80\"",
    "\"\xf0\x9f\x93\x88 \xc3\xa9\"",
    "\"../../../etc/passwd\"",
    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", /* 64: longest symbol */
    NULL,                                                                   /* a long one */
};

/* Instead of a number, a text, an object. */
static const char *const others[] = {"null", "\"text\"", "17", "true", "[]", "{}", "[1,[2,{}]]"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct spoiler {
    struct script *script;
    const struct description *description;
    struct market_random random;
    char *long_text; /* a JSON string */
    size_t turn;     /* of mutated messages */
};

static bool is_number(const cJSON *item) {
    return cJSON_IsNumber(item);
}

static bool is_leaf(const cJSON *item) {
    return item->child == NULL;
}

/* The turn's part below `count`; what is left goes to the next choice. */
static size_t choose(size_t *turn, size_t count) {
    const size_t chosen = *turn % count;
    *turn /= count;
    return chosen;
}

/* A declared field's path, or NULL when the turn wants a member that is there. */
static const char *choose_field(const struct spoiler *spoiler, size_t *turn) {
    const size_t count = spoiler->description->field_count;
    if (count == 0 || choose(turn, 2) == 0)
        return NULL;
    return spoiler->description->fields[choose(turn, count)];
}

static bool replace_one(cJSON *root, size_t turn, const char *raw,
                        bool (*wanted)(const cJSON *item)) {
    struct json_nodes nodes;
    if (!json_nodes_list(&nodes, root, wanted))
        return false;
    bool is_good = true;
    if (nodes.count > 0) {
        const size_t at = turn % nodes.count;
        is_good = json_replace(nodes.parents[at], nodes.items[at], raw);
    }
    json_nodes_release(&nodes);
    return is_good;
}

static bool replace_all(cJSON *root, const char *raw, bool (*wanted)(const cJSON *item)) {
    struct json_nodes nodes;
    if (!json_nodes_list(&nodes, root, wanted))
        return false;
    bool is_good = true;
    for (size_t i = 0; i < nodes.count && is_good; i++)
        is_good = json_replace(nodes.parents[i], nodes.items[i], raw);
    json_nodes_release(&nodes);
    return is_good;
}

/* ---- missing ---- */

static bool remove_one(cJSON *root, size_t turn) {
    struct json_nodes nodes;
    if (!json_nodes_list(&nodes, root, NULL))
        return false;
    if (nodes.count > 0)
        json_remove(nodes.parents[turn % nodes.count], nodes.items[turn % nodes.count]);
    json_nodes_release(&nodes);
    return true;
}

/* About half of the leaves. */
static bool remove_many(struct spoiler *spoiler, cJSON *root) {
    struct json_nodes nodes;
    if (!json_nodes_list(&nodes, root, is_leaf))
        return false;
    for (size_t i = 0; i < nodes.count; i++)
        if (market_random_below(&spoiler->random, 2) == 0)
            json_remove(nodes.parents[i], nodes.items[i]);
    json_nodes_release(&nodes);
    return true;
}

static bool mutate_missing(struct spoiler *spoiler, cJSON *root, size_t turn, const char **what) {
    const size_t way = choose(&turn, 8);
    if (way < 3) {
        *what = "a member is missing";
        return remove_one(root, turn);
    }
    if (way == 3) {
        *what = "many members are missing";
        return remove_many(spoiler, root);
    }
    if (way == 4) {
        *what = "nothing but a symbol";
        while (root->child != NULL && root->child->next != NULL)
            json_remove(root, root->child->next);
        return true;
    }
    *what = "a member is of another type";
    const char *raw = others[choose(&turn, COUNT(others))];
    const char *field = choose_field(spoiler, &turn);
    return field != NULL ? json_put_path(root, field, raw) : replace_one(root, turn, raw, NULL);
}

/* ---- extreme ---- */

static bool mutate_extreme(struct spoiler *spoiler, cJSON *root, size_t turn, const char **what) {
    const size_t way = choose(&turn, 8);
    const char *raw = extremes[choose(&turn, COUNT(extremes))];
    if (way == 0) {
        *what = "all numbers are extreme";
        return replace_all(root, raw, is_number);
    }
    *what = "a number is extreme";
    const char *field = choose_field(spoiler, &turn);
    return field != NULL ? json_put_path(root, field, raw)
                         : replace_one(root, turn, raw, is_number);
}

/* ---- text ---- */

static bool add_deep(cJSON *root) {
    char raw[2 * DEEP + 1];
    memset(raw, '[', DEEP);
    memset(raw + DEEP, ']', DEEP);
    raw[2 * DEEP] = '\0';
    return cJSON_AddRawToObject(root, "deep", raw) != NULL;
}

static bool add_large(cJSON *root) {
    char *raw = malloc(LARGE_TEXT + 3);
    if (raw == NULL)
        return false;
    memset(raw, 'y', LARGE_TEXT + 2);
    raw[0] = raw[LARGE_TEXT + 1] = '"';
    raw[LARGE_TEXT + 2] = '\0';
    const bool is_good = cJSON_AddRawToObject(root, "large", raw) != NULL;
    free(raw);
    return is_good;
}

static bool add_many(cJSON *root) {
    cJSON *many = cJSON_AddObjectToObject(root, "many");
    for (int i = 0; i < MANY_MEMBERS && many != NULL; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "m%d", i);
        if (cJSON_AddNumberToObject(many, name, i) == NULL)
            return false;
    }
    return many != NULL;
}

/* Large ones are rare: they cost the most. */
static bool mutate_shape(cJSON *root, size_t turn, const char **what) {
    switch (choose(&turn, 12)) {
    case 0:
        *what = "large";
        return add_large(root);
    case 1:
        *what = "of many members";
        return add_many(root);
    default:
        *what = "deep";
        return add_deep(root);
    }
}

static bool mutate_text(struct spoiler *spoiler, cJSON *root, size_t turn, const char **what) {
    const size_t way = choose(&turn, 8);
    if (way == 0)
        return mutate_shape(root, turn, what);
    const char *raw = texts[choose(&turn, COUNT(texts))];
    *what = raw != NULL ? "odd text" : "very long text";
    if (raw == NULL)
        raw = spoiler->long_text;
    const char *field = choose_field(spoiler, &turn);
    return field != NULL ? json_put_path(root, field, raw) : replace_one(root, turn, raw, is_leaf);
}

/* ---- one after the other ---- */

static bool mutate_one(struct spoiler *spoiler, enum script_mutation mutation,
                       struct script_message *message) {
    cJSON *root = cJSON_ParseWithLength(message->payload, message->payload_size);
    const size_t turn = spoiler->turn++;
    bool is_good = false;
    if (root != NULL && mutation == SCRIPT_MISSING)
        is_good = mutate_missing(spoiler, root, turn, &message->what);
    else if (root != NULL && mutation == SCRIPT_EXTREME)
        is_good = mutate_extreme(spoiler, root, turn, &message->what);
    else if (root != NULL)
        is_good = mutate_text(spoiler, root, turn, &message->what);
    char *text = is_good ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    if (text == NULL)
        return false;
    free(message->payload);
    message->payload = text;
    message->payload_size = strlen(text);
    message->is_mutated = true;
    return true;
}

static char *make_long_text(void) {
    char *text = malloc(LONG_TEXT + 3);
    if (text == NULL)
        return NULL;
    memset(text, 'z', LONG_TEXT + 2);
    text[0] = text[LONG_TEXT + 1] = '"';
    text[LONG_TEXT + 2] = '\0';
    return text;
}

void script_mutation(struct script *script, const struct script_options *options,
                     enum script_mutation mutation) {
    struct spoiler spoiler = {
        .script = script, .description = options->description, .long_text = make_long_text()};
    market_random_init(&spoiler.random, options->seed + (uint64_t)mutation);
    script_market(script, options);
    if (spoiler.long_text == NULL)
        script->is_oom = true;
    for (size_t i = 0; i < script->count && !script->is_oom; i++)
        if (i % ONE_WHOLE_IN != 0 && !mutate_one(&spoiler, mutation, &script->items[i]))
            script->is_oom = true;
    free(spoiler.long_text);
}
