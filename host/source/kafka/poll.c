/* What control does at intervals. */
#include "base/clock.h"
#include "source/kafka/consumer_private.h"

#define FORWARD_AGAIN_NS (NS_PER_S)

int kafka_poll_due(struct kafka_source *self, int timeout_ms) {
    int64_t now = clock_monotonic_ns();
    if (now >= self->forward_ns) {
        /* librdkafka drops the forwarding when it stops a partition, on a thread of its own. It
         * does so before it assigns again, so this changes nothing; if it ever were late, the
         * partition would silently stand still. Records and their order are kept either way. */
        kafka_group_forward_all(self);
        self->forward_ns = now + FORWARD_AGAIN_NS;
    }
    const int64_t commit_ns = kafka_commit_poll(self, now);
    kafka_joining_watch(self, now);
    kafka_topics_poll(self, now);
    int64_t due_ns = self->look_ns < self->forward_ns ? self->look_ns : self->forward_ns;
    due_ns = commit_ns < due_ns ? commit_ns : due_ns;
    const int64_t left_ms = (due_ns - now) / NS_PER_MS + 1;
    return left_ms < timeout_ms ? (int)(left_ms > 0 ? left_ms : 0) : timeout_ms;
}
