/*
 * alerts/down_notes.h - which workers of this host stay down, as the supervisor notes it beside
 * their run directories (config/sections/workers.h). The supervisor has no sinks; a worker that
 * runs reports it.
 *
 * Main reports all others, and each of the others main.
 */
#ifndef TAKE5_ALERTS_DOWN_NOTES_H
#define TAKE5_ALERTS_DOWN_NOTES_H

/* Calls `visit` for each that `worker`, whose run directory that is, reports. */
void down_notes_each(const char *run_dir, const char *worker,
                     void (*visit)(void *context, const char *name, const char *why),
                     void *context);

#endif
