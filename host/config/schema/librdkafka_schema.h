/*
 * config/schema/librdkafka_schema.h - librdkafka's properties, asked of librdkafka itself. Inside
 * config.
 */
#ifndef TAKE5_CONFIG_SCHEMA_LIBRDKAFKA_SCHEMA_H
#define TAKE5_CONFIG_SCHEMA_LIBRDKAFKA_SCHEMA_H

#include "base/error.h"
#include "base/faults.h"
#include "config/text/ini.h"

#include <stdbool.h>

enum kafka_side { KAFKA_CONSUMER = 1, KAFKA_PRODUCER };

/* What the linked librdkafka knows. One thread. */
struct kafka_properties;

struct kafka_properties *kafka_properties_new(struct error *error);
void kafka_properties_free(struct kafka_properties *properties);

/* The name that a property goes by here: of the two for the brokers always "bootstrap.servers". */
const char *kafka_property_name(const char *name);

/* Whether the linked librdkafka has it, for that side. */
bool kafka_property_is_known(const struct kafka_properties *properties, enum kafka_side side,
                             const char *name);

/* Whether it has one of that name for either side, in any case of dead_letters. */
bool kafka_property_has_name(const struct kafka_properties *properties, const char *name,
                             size_t size);

/* What a value of that property may be: its own lines matter in a PEM text alone; those of a list
 * are items. */
enum ini_value kafka_property_value(const char *name);

/* Checks one property. False with a fault at `place` when it is unknown, belongs to the other side
 * or to the host, or has a value that librdkafka refuses. A secret's value is not shown. */
bool kafka_property_check(struct kafka_properties *properties, enum kafka_side side,
                          const char *name, const char *value, struct place place,
                          struct faults *faults);

#endif
