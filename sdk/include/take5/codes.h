/*
 * take5/codes.h - what callbacks and services return, and the small enumerations that several
 * headers share. No enumeration gives 0 a meaning, so a forgotten `return` or an unset member is
 * noticed and never taken for an answer.
 */
#ifndef TAKE5_CODES_H
#define TAKE5_CODES_H

#include <stdint.h>

/* The answer of a callback or a service. A code that the other side does not know is an error. */
enum t5_code {
    T5_OK = 1,
    T5_ERROR = 2,   /* it did not work; give the reason with t5_fail() before you return it */
    T5_REJECT = 3,  /* from on_message: this message is bad for us, put it into the dead letters */
    T5_PENDING = 4, /* reserved: not to be returned before an ABI minor gives it a meaning */
    T5_END = 5,     /* from services that iterate: there is no further item */
    T5_NOT_NOW = 6, /* from services: not allowed in this callback or on this thread */
    T5_UNSUPPORTED = 7 /* from services: this host does not have it; go on without */
};

/* In what circumstances an instance lives. `create` gets it, and again `activate`. */
enum t5_mode {
    T5_MODE_LIVE = 1,   /* signals go to the configured sinks */
    T5_MODE_REPLAY = 2, /* recorded messages; the clock is the data's */
    T5_MODE_CHECK = 3,  /* a rehearsal or conformance check: do nothing outside */
    T5_MODE_SHADOW = 4  /* beside the real one, signals compared and dropped: do nothing outside */
};

/* Severity of a log line. */
enum t5_level { T5_LOG_DEBUG = 1, T5_LOG_INFO = 2, T5_LOG_WARNING = 3, T5_LOG_ERROR = 4 };

/* Which clock a timer or now() goes by. */
enum t5_clock {
    T5_CLOCK_EVENT = 1, /* the newest event time that this instance was given */
    T5_CLOCK_WALL = 2   /* the machine's; in replay it is the event clock */
};

/* A symbol id that means: no symbol. */
#define T5_NO_SYMBOL UINT32_MAX

#endif
