#include "engine/lane/deviation.h"

#include "engine/core/provenance.h"
#include "engine/lane/lane_state.h"

void deviation_gap(struct task *task, size_t stream, int64_t from, int64_t to) {
    const struct lane_options *options = &task->partition->home->options;
    if (options->store != NULL && task_wants(task, stream))
        provenance_note_gap(
            options->config, options->log, task,
            topics_name(options->topics, partition_stream_topic(task->partition, stream)), from,
            to);
    task_notify_gap(task, stream, from, to);
}

void deviation_besides(struct task *task, const char *what) {
    const struct lane_options *options = &task->partition->home->options;
    if (options->store == NULL || task->is_noted_besides)
        return;
    task->is_noted_besides = true;
    provenance_note_besides(options->config, options->log, task, what);
}
