/*
 * How long joining the group takes. It is quick, unless the group still has a dead member.
 */
#include "base/clock.h"
#include "source/kafka/consumer_private.h"

#define JOINING_LOG_NS (6 * NS_PER_S)

void kafka_joining_note(struct kafka_source *self, bool is_assigned) {
    atomic_store(&self->is_assigned, is_assigned);
    if (is_assigned)
        self->assigned_ns = clock_monotonic_ns();
    const bool is_joining = self->is_subscribed && !is_assigned && !self->is_closed;
    if (is_joining && atomic_load(&self->joining_ns) == 0)
        atomic_store(&self->joining_ns, clock_monotonic_ns());
    if (!is_joining)
        atomic_store(&self->joining_ns, 0);
    if (!is_joining)
        atomic_store(&self->is_joining_logged, false);
}

int64_t kafka_joining_left_s(const struct kafka_source *self, int64_t joining_ns) {
    const int64_t left_ns = joining_ns + self->session_ns - clock_monotonic_ns();
    return left_ns > 0 ? (left_ns + NS_PER_S - 1) / NS_PER_S : 0;
}

void kafka_joining_watch(struct kafka_source *self, int64_t now_ns) {
    const int64_t joining_ns = atomic_load(&self->joining_ns);
    if (joining_ns == 0 || atomic_load(&self->is_joining_logged) ||
        !atomic_load(&self->is_connected) || now_ns - joining_ns < JOINING_LOG_NS)
        return;
    atomic_store(&self->is_joining_logged, true);
    log_change_event(
        self->log, LOG_LEVEL_WARNING, KAFKA_ROOM, "group.join_slow",
        "joining group \"%s\" has taken %lld s: the group waits until every member has "
        "rejoined. A member that ended without leaving (kill -9, crash, network loss) is "
        "waited for until it is started again or its session times out: %lld s more at most "
        "([kafka] session.timeout.ms = %lld)",
        self->group, (long long)(JOINING_LOG_NS / NS_PER_S),
        (long long)kafka_joining_left_s(self, joining_ns),
        (long long)(self->session_ns / NS_PER_MS));
}
