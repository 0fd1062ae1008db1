/*
 * script.h - one instance: a run of the script, with the handlers that it registered.
 *
 * Each run has a module of its own, so two of them share no names; what the script imports from its
 * own folder is imported anew.
 */
#ifndef TAKE5_PLUGINS_PYTHON_SCRIPT_H
#define TAKE5_PLUGINS_PYTHON_SCRIPT_H

#include "interpreter.h"

struct script;

/* The host's callbacks (take5/strategy.h). */
int32_t script_create(const t5_create_args *args, void **self);
void script_destroy(void *self);
int32_t script_load(void *self, const t5_load_args *args);
void script_activate(void *self, const t5_activate_args *args);
void script_deactivate(void *self);
int32_t script_message(void *self, const t5_message *message);
int32_t script_timer(void *self, const t5_timer *timer);
void script_event(void *self, const t5_event *event);
int32_t script_save(void *self, const t5_save_args *args);

#endif
