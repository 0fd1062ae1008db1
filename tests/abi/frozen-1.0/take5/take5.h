/*
 * take5/take5.h - everything that a strategy needs.
 *
 *   #include <take5/take5.h>
 *
 * A strategy is one shared object with one T5_STRATEGY(). It links against nothing but libc.
 */
#ifndef TAKE5_TAKE5_H
#define TAKE5_TAKE5_H

#include "codes.h"
#include "event.h"
#include "host.h"
#include "message.h"
#include "note.h"
#include "parameter.h"
#include "signal.h"
#include "state.h"
#include "strategy.h"
#include "timer.h"
#include "value.h"
#include "version.h"

#endif
