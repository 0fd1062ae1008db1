/*
 * preflight/preflight.h - what a start would try, tried without changing anything: `take5 check`.
 *
 * What would stop it is an error among the faults, with its place in the configuration; what may
 * stop it a warning.
 */
#ifndef TAKE5_PREFLIGHT_PREFLIGHT_H
#define TAKE5_PREFLIGHT_PREFLIGHT_H

#include "base/faults.h"
#include "config/config.h"
#include "log/log.h"

/*
 * Whether the host's directories, and those of the files that it writes, are there and may be
 * written, or may be made. Root asks for the service: of a directory that belongs to another user
 * it is that user who is to be able to write it.
 */
void preflight_directories(const struct config *config, struct faults *faults);

/* Whether the group of the control socket is there, and a directory of its own that it may have. */
void preflight_control(const struct config *config, struct faults *faults);

/* Whether librdkafka makes clients of the settings, which each by itself is right. Connects to
 * nobody. */
void preflight_clients(const struct config *config, struct log *log, struct faults *faults);

/* Whether the HTTP port is free. Taken while a host runs in this state directory it is that one's,
 * as far as can be known, which is a warning. */
void preflight_port(const struct config *config, struct faults *faults);

/* Whether the token of [http] token_file is there and is one. */
void preflight_token(const struct config *config, struct faults *faults);

/*
 * Asks the brokers, for at most `timeout_ns` a question: whether they answer and accept who asks,
 * whether the topics are there, and whether they may be read. Rights that only a group's member or
 * a write would show (Read on the group, Write) are seen as far as they include the right to
 * describe. Joins no group, makes no topic, commits nothing.
 */
void preflight_brokers(const struct config *config, int64_t timeout_ns, struct faults *faults);

#endif
