/*
 * conformance/cases/case_leaks.h - what a process has, counted.
 */
#ifndef TAKE5_CONFORMANCE_CASES_CASE_LEAKS_H
#define TAKE5_CONFORMANCE_CASES_CASE_LEAKS_H

#include <stddef.h>

/* Threads of this process. */
size_t leaks_threads(void);

#endif
