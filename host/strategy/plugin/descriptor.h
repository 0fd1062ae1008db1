/*
 * strategy/plugin/descriptor.h - reading the sized structs that a strategy hands over.
 *
 * A struct's size in ABI 1.0 is the end of its last 1.0 member. Where the other side must have
 * filled all of it the size is the least that is taken; the descriptor alone may be shorter: it
 * must reach `on_message`, the last member that has to be there, and what lies beyond its `size` is
 * absent.
 */
#ifndef TAKE5_STRATEGY_PLUGIN_DESCRIPTOR_H
#define TAKE5_STRATEGY_PLUGIN_DESCRIPTOR_H

#include <take5/take5.h>

#include <stdbool.h>
#include <stddef.h>

#define SIZE_UP_TO(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))

#define DESCRIPTOR_SIZE_LEAST SIZE_UP_TO(t5_strategy, on_message)
#define DESCRIPTOR_SIZE_1_0   SIZE_UP_TO(t5_strategy, save)
#define PARAMETER_SIZE_1_0    SIZE_UP_TO(t5_parameter, max)
#define SIGNAL_SIZE_1_0       SIZE_UP_TO(t5_signal, price)
#define POINT_SIZE_1_0        SIZE_UP_TO(t5_point, reserved)
#define TIMER_SIZE_1_0        SIZE_UP_TO(t5_timer, symbol)
#define RECORD_SIZE_1_0       SIZE_UP_TO(t5_record, data_size)
#define DOCUMENT_SIZE_1_0     SIZE_UP_TO(t5_document, reserved)

/* The part of the descriptor that it has and that this host knows; the rest is zero. `from` has at
 * least DESCRIPTOR_SIZE_LEAST bytes. */
void descriptor_read(const t5_strategy *from, t5_strategy *to);

/* 1 to 64 bytes of [A-Za-z0-9_.-]: names of signals, of their values, and of series. */
bool descriptor_is_signal_name(t5_str name);

/* [a-z][a-z0-9_-]*, 1 to 63 bytes. */
bool descriptor_is_name(const char *text);

#endif
