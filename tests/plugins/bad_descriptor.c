/*
 * A descriptor with every fault at once. Refused, and all of them are listed, not the first alone.
 */
#include "plugin.h"

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "bad_descriptor"
#endif

static const t5_parameter reserved = {
    .size = sizeof reserved, .type = T5_PARAMETER_TEXT, .name = "symbols", .default_value = ""};
static const t5_parameter upper = {
    .size = sizeof upper, .type = T5_PARAMETER_TEXT, .name = "Upper", .default_value = ""};
static const t5_parameter outside = {.size = sizeof outside,
                                     .type = T5_PARAMETER_INTEGER,
                                     .name = "outside",
                                     .default_value = "11",
                                     .min = "1",
                                     .max = "10"};
static const t5_parameter crossed = {
    .size = sizeof crossed, .type = T5_PARAMETER_NUMBER, .name = "crossed", .min = "2", .max = "1"};
static const t5_parameter mistyped = {.size = sizeof mistyped,
                                      .type = T5_PARAMETER_DURATION,
                                      .name = "mistyped",
                                      .default_value = "soon"};
static const t5_parameter untyped = {.size = sizeof untyped, .type = 77, .name = "untyped"};
static const t5_parameter unsized = {.size = 4};
static const t5_parameter *const parameters[] = {&reserved, &upper,   &outside, &crossed, &mistyped,
                                                 &untyped,  &unsized, &outside, NULL};
static const char *const topics[] = {"signals", "bar_trends", "bar_trends", "", NULL};
static const char *const series[] = {"mean", "a b", "mean", NULL};
static const char *const fields[] = {"stats.mean", "stats..mean", "", NULL};

T5_NOTE_(PLUGIN_NAME, "1.0.0");
extern T5_EXPORT const t5_strategy take5_strategy;
const t5_strategy take5_strategy = {
    .size = sizeof take5_strategy,
    .name = "another_name",
    .version = "2.0.0",
    .summary = "two\nlines",
    .topics = topics,
    .scope = 9,
    .fields = fields,
    .parameters = parameters,
    .warm_up_ns = -1,
    .series = series,
    .side = 4,
};
