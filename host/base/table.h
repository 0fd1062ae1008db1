/*
 * base/table.h - uthash, for tables off the message path. Without memory an element does not come
 * in, and nothing else changes: its `hh.tbl` is NULL after HASH_ADD...(), which is to be looked at.
 */
#ifndef TAKE5_BASE_TABLE_H
#define TAKE5_BASE_TABLE_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
