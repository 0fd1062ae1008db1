#include "base/format/faults_json.h"

void faults_json_list(const struct faults *faults, bool are_warnings, const char *name,
                      struct json_writer *json) {
    json_begin_array(json, name);
    for (size_t i = 0; i < faults->count; i++) {
        if (faults->items[i].is_warning == are_warnings)
            json_text(json, NULL, faults->items[i].text);
    }
    json_end_array(json);
}

void faults_json(const struct faults *faults, struct json_writer *json) {
    faults_json_list(faults, false, "faults", json);
    faults_json_list(faults, true, "warnings", json);
}
