/*
 * engine/core/provenance.h - what ran here, from which position on: STATE_DIR/provenance.jsonl, one
 * line each time the deployments of a live host change, appended. `take5 prove` and `capsule` read
 * it: a checkpoint and a journal have the states and the order of the messages, this has the code
 * and its settings. A large file is renamed to provenance.1.jsonl, over the previous one.
 *
 * {"time_ms":...,"host":{"decode.max_depth":"64",...},
 *  "deployments":[{"name":"alpha","strategy":"alpha","version":"1.2","hash":"<of the file>",
 *                  "settings":{"symbols":"QQQ,SPY","window":"20",...},
 *                  "files":{"limits":"<hash of the content>",...}},...],
 *  "partitions":[{"partition":3,"next":{"TOPIC":17,...},"behind":{"alpha":{"TOPIC":12}}},...]}
 *
 * A shadow has "shadow_of", its original: its signals are not published. A deployment whose place a
 * shadow took (`take5 ctl promote`) has "promoted_from", that shadow, whose state it continues
 * with.
 *
 * "files" are the settings that are paths of files, with their content when the deployment began;
 * for a Python strategy one of them is the script.
 *
 * `next` is the position in the topics from which on these are the deployments; an instance that is
 * behind its partition has its own position. A start has no partitions yet. An instance that was
 * notified of a gap was handed less than its partition:
 *
 * {"time_ms":...,"gap":{"deployment":"alpha","partition":3,"topic":"TOPIC","from":17,"to":90}}
 *
 * and one that got something in addition, such as a wall-clock timer, whose place among the
 * messages is not known (once per instance):
 *
 * {"time_ms":...,"besides":{"deployment":"alpha","partition":3,"what":"a wall-clock timer"}}
 *
 * A line is written whole, or cut off by a crash of the machine: then it is the last one. It
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

/* The engine has other deployments from here on. All lanes stand still, or there are none. Does
 * nothing for a host that keeps no state. A failure to write is logged. */
void provenance_note(struct engine *engine);

/* The task was notified of a gap. Its lane's, with the configuration in force. */
void provenance_note_gap(const struct config *config, struct log *log, const struct task *task,
                         const char *topic, int64_t from, int64_t to);
/* ... or got something in addition. */
void provenance_note_besides(const struct config *config, struct log *log, const struct task *task,
                             const char *what);

#endif
