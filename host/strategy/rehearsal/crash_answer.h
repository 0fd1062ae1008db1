/*
 * strategy/rehearsal/crash_answer.h - a child that crashes, or hangs and is told that its time is
 * over (os/child.h), answers where in the strategy (os/locate.h) before it dies of the signal.
 */
#ifndef TAKE5_STRATEGY_REHEARSAL_CRASH_ANSWER_H
#define TAKE5_STRATEGY_REHEARSAL_CRASH_ANSWER_H

/* From now on, in the child that does the work; `copy` is the strategy's file that will be opened.
 * Once a process. */
void crash_answer_begin(int output, const char *copy);

#endif
