#include "engine/deployed.h"

#include "engine/core/provenance.h"

void engine_put_deployed(const struct engine *engine, struct text *out) {
    struct json_writer json = json_writer_of(out);
    json_begin_object(&json, NULL);
    provenance_put(&json, engine->config, engine->deployment_set);
    json_end_object(&json);
}
