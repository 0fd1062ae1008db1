#include "config/schema/client_conf.h"

#include "base/secret.h"
#include "config/schema/items.h"

bool client_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                     struct error *error) {
    char text[512];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return true;
    if (config_is_secret(name))
        secret_hide(text, sizeof text, value);
    return error_set(error, ERROR_INVALID, "librdkafka %s rejects %s: %s", rd_kafka_version_str(),
                     name, text);
}

bool client_conf_set_all(rd_kafka_conf_t *conf, const struct client_property *properties,
                         size_t count, struct error *error) {
    bool did = true;
    for (size_t i = 0; did && i < count; i++)
        did = client_conf_set(conf, properties[i].name, properties[i].value, error);
    return did;
}

bool client_conf_set_safe_producer(rd_kafka_conf_t *conf, struct error *error) {
    static const struct client_property properties[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"max.in.flight.requests.per.connection", "1"},
    };
    return client_conf_set_all(conf, CLIENT_PROPERTIES(properties), error);
}

bool client_conf_set_item(rd_kafka_conf_t *conf, const struct config_item *item,
                          struct error *error) {
    const bool did = client_conf_set(conf, item->name, item->text, error);
    if (!did && item->place.file != NULL)
        error_prefix(error, "%s:%d: ", item->place.file, item->place.line);
    return did;
}
