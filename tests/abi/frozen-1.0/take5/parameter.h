/*
 * take5/parameter.h - parameters that a deployment's ini section may set. They are declared as
 * data, so that the host checks values before any code runs, prints them in `take5 list`, and
 * writes them into scaffolds.
 */
#ifndef TAKE5_PARAMETER_H
#define TAKE5_PARAMETER_H

#include "value.h"

enum t5_parameter_type {
    T5_PARAMETER_INTEGER = 1,  /* 64 bits -> T5_VALUE_INTEGER */
    T5_PARAMETER_NUMBER = 2,   /* a finite double -> T5_VALUE_NUMBER */
    T5_PARAMETER_BOOLEAN = 3,  /* yes/no, true/false, on/off, 1/0 -> T5_VALUE_BOOLEAN */
    T5_PARAMETER_TEXT = 4,     /* -> T5_VALUE_TEXT */
    T5_PARAMETER_DURATION = 5, /* "250ms", "30s", "5m", "2h", "1d" -> T5_VALUE_INTEGER, ns */
    T5_PARAMETER_FILE = 6      /* a path, relative to the ini file -> T5_VALUE_TEXT, absolute; a
                                  change of the file's content counts as a change of the parameter */
};

/* All texts are as an ini file would have them. */
typedef struct t5_parameter {
    uint32_t size;
    uint32_t type;             /* enum t5_parameter_type */
    const char *name;          /* [a-z][a-z0-9_]*, not one of the host's keys (see the guide) */
    const char *help;          /* one line */
    const char *default_value; /* NULL: the deployment must set it */
    const char *min;           /* smallest value; NULL: none. For INTEGER, NUMBER and DURATION */
    const char *max;           /* largest value; NULL: none */
} t5_parameter;

#endif
