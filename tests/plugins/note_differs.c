/*
 * Its note says another version than its descriptor: what was read before a line of it ran is not
 * what runs.
 */
#include "plugin.h"

T5_NOTE_("note_differs", "1.0.0");
T5_EXPORT extern const t5_strategy take5_strategy;
const t5_strategy take5_strategy = {.size = sizeof take5_strategy,
                                    .name = "note_differs",
                                    .version = "2.0.0",
                                    .topics = bar_trends,
                                    .create = create_nothing,
                                    .destroy = destroy_nothing,
                                    .on_message = accept_message};
