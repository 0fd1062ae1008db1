/*
 * base/format/members.h - the one JSON object that readers find of what a signal carries.
 */
#ifndef TAKE5_BASE_FORMAT_MEMBERS_H
#define TAKE5_BASE_FORMAT_MEMBERS_H

#include "base/text.h"

#include <take5/value.h>

/*
 * Appends one object: the members of `data`, which is empty or the text of one JSON object, and
 * then the values. Nothing when there is neither. Both have been checked (take5/signal.h). Memory
 * that runs out shows in the text.
 */
void text_members(struct text *text, t5_str data, const t5_named_value *values, uint32_t count);
/* The same of values that lie in no array: `at(of, i)` gives number i. */
void text_members_at(struct text *text, t5_str data, uint32_t count,
                     t5_named_value (*at)(const void *of, uint32_t i), const void *of);

#endif
