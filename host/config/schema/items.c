#include "config/schema/items.h"

#include "base/array.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static struct config_item *find(const struct config_items *items, const char *name) {
    for (size_t i = 0; i < items->count; i++)
        if (strcmp(items->items[i].name, name) == 0)
            return &items->items[i];
    return NULL;
}

const struct config_item *config_items_find(const struct config_items *items, const char *name) {
    return find(items, name);
}

bool config_items_set(struct config_items *items, const char *name, const char *text,
                      struct place place) {
    char *text_copy = text_dup(text, strlen(text));
    if (text_copy == NULL)
        return false;
    struct config_item *known = find(items, name);
    if (known != NULL) {
        free(known->text);
        known->text = text_copy;
        known->place = place;
        return true;
    }

    char *name_copy = text_dup(name, strlen(name));
    if (name_copy == NULL || !ARRAY_RESIZE(items->items, items->count + 1)) {
        free(name_copy);
        free(text_copy);
        return false;
    }
    items->items[items->count++] =
        (struct config_item){.name = name_copy, .text = text_copy, .place = place};
    return true;
}

void config_items_release(struct config_items *items) {
    for (size_t i = 0; i < items->count; i++) {
        free(items->items[i].name);
        free(items->items[i].text);
    }
    free(items->items);
    *items = (struct config_items){0};
}

/* By what secrets are called, librdkafka's and those that strategies make up: better one too many
 * hidden than one shown. */
bool config_is_secret(const char *name) {
    static const char *const marks[] = {
        "password",   "passwd",  "secret", "token",       "passphrase", "private",
        "credential", "api_key", "apikey", "ssl.key.pem", "ssl_key",    "oauthbearer.config",
        "access_key"};
    static const char *const open[] = {"sasl.oauthbearer.token.endpoint.url", "token_file",
                                       "enable.sasl.oauthbearer.unsecure.jwt"};
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (strcmp(name, open[i]) == 0)
            return false;
    /* A webhook's: the address itself is the right to post there, and a header mostly is. */
    if (strcmp(name, "url") == 0 || strncmp(name, "header.", 7) == 0)
        return true;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strcasestr(name, marks[i]) != NULL)
            return true;
    return false;
}
