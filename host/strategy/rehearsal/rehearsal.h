/*
 * strategy/rehearsal/rehearsal.h - a try in a child process: a crash or a hang there rejects the
 * file, not the host.
 *
 * The child is a spawned copy of this program (`take5 rehearse`, not for people), since other
 * threads of this process may hold the loader's lock. It is given a request over a pipe, opens the
 * copy, checks the descriptor and parameters, creates an instance for each state it was given (or
 * one without), loads the state, feeds the messages, saves, destroys, and answers over a pipe.
 * Its signals and log go nowhere but into the answer. The strategy gets mode CHECK.
 */
#ifndef TAKE5_STRATEGY_REHEARSAL_REHEARSAL_H
#define TAKE5_STRATEGY_REHEARSAL_REHEARSAL_H

#include "base/faults.h"
#include "strategy/rehearsal/rehearsal_data.h"

/*
 * Runs it: with one instance for each part, or, without parts, a fresh one for each partition
 * number of the records (at least one). False with faults: what a child that died was doing
 * ("crashed in create: SIGSEGV"), what a slow one was stuck in, or what the strategy reported when
 * it refused ("load refused: ..."). The child is always reaped, and what it left running is ended
 * (os/child.h): a warning says that there was something.
 */
bool rehearsal_run(const struct rehearsal *rehearsal, struct rehearsal_answer *answer,
                   struct faults *faults);

/* How the child is called. Everything that the parent had open is closed in it; what it prints is
 * kept for the fault. */
#define REHEARSAL_COMMAND "rehearse"

/* The child's side: serves one request from `input`, answers on `output`; gives the exit code. */
int rehearsal_serve(int input, int output);

#endif
