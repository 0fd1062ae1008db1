#include "config/config.h"

#include <string.h>

bool config_apply_log(const struct config *config, struct log *log, struct error *error) {
    if (!log_configure(log, &config->log, error))
        return false;
    for (size_t i = 0; i < config->log_levels.count; i++) {
        const struct config_item *item = &config->log_levels.items[i];
        enum log_level level;
        if (log_parse_level(item->text, &level)) /* both were checked when they were read */
            log_set_level(log, item->name + strlen("level."), level);
    }
    return true;
}
