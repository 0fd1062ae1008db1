/*
 * config/text/ini_write.h - lines of an ini file, which ini.h and interpolation.h read back as they
 * were.
 */
#ifndef TAKE5_CONFIG_TEXT_INI_WRITE_H
#define TAKE5_CONFIG_TEXT_INI_WRITE_H

#include "base/text.h"

/* Appends "KEY = VALUE". */
void ini_put_setting(struct text *ini, const char *key, const char *value);

#endif
