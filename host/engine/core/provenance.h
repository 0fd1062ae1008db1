/*
 * engine/core/provenance.h - what ran here, from where on: STATE_DIR/provenance.jsonl, a line each
 * time the deployments of a live host change, appended. `take5 prove` and `capsule` read it: a
 * checkpoint and a journal say what was known and in which order it was fed, this says which code
 * it was, with which settings. One that grows large is renamed to provenance.1.jsonl, over the one
 * before.
 *
 * {"time_ms":...,"host":{"decode.max_depth":"64",...},
 *  "deployments":[{"name":"alpha","strategy":"alpha","version":"1.2","hash":"<of the file>",
 *                  "settings":{"symbols":"QQQ,SPY","window":"20",...},
 *                  "files":{"limits":"<hash of the content>",...}},...],
 *  "partitions":[{"partition":3,"next":{"TOPIC":17,...},"behind":{"alpha":{"TOPIC":12}}},...]}
 *
 * A shadow has "shadow_of", its original: its signals go to nobody. A deployment whose place a
 * shadow took (`take5 ctl promote`) has "promoted_from", that shadow, whose state it goes on with.
 *
 * "files" are the settings that are paths of files: what was in them when the deployment began,
 * which of a Python strategy is the script.
 *
 * `next` is where in the topics the deployments begin to be these; an instance that is behind its
 * partition has its own place. A start has no partitions yet. An instance that was notified of a
 * gap was handed less than its partition:
 *
 * {"time_ms":...,"gap":{"deployment":"alpha","partition":3,"topic":"TOPIC","from":17,"to":90}}
 *
 * and one that had something besides, such as a wall-clock timer, whose place among the messages
 * nobody knows (once an instance):
 *
 * {"time_ms":...,"besides":{"deployment":"alpha","partition":3,"what":"a wall-clock timer"}}
 *
 * A line is written whole, or cut off by the end of the machine: then it is the last one. It
 * outlives the process, however that ends, before a signal of what it records is made.
 */
#ifndef TAKE5_ENGINE_CORE_PROVENANCE_H
#define TAKE5_ENGINE_CORE_PROVENANCE_H

#include "base/format/json_writer.h"
#include "engine/core/core.h"

/* Names in STATE_DIR. */
#define PROVENANCE_FILE  "provenance.jsonl"
#define PROVENANCE_OLDER "provenance.1.jsonl"

/* "host" and "deployments" as above. */
void provenance_put(struct json_writer *json, const struct config *config,
                    const struct deployment_set *deployment_set);

/* The engine's deployments are others from here on. All lanes stand, or there are none. Nothing,
 * for a host that keeps no state. What cannot be written is logged. */
void provenance_note(struct engine *engine);

/* The task was notified of a gap. Its lane's, with the configuration in force. */
void provenance_note_gap(const struct config *config, struct log *log, const struct task *task,
                         const char *topic, int64_t from, int64_t to);
/* ... had something besides. */
void provenance_note_besides(const struct config *config, struct log *log, const struct task *task,
                             const char *what);

#endif
