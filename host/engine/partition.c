#include "engine/partition.h"

#include "source/source.h"

#include <stdlib.h>
#include <string.h>

const char *suspension_name(enum suspension suspension) {
    switch (suspension) {
    case SUSPENDED_NOT:
        return "running";
    case SUSPENDED_ERRORS:
        return "errors";
    case SUSPENDED_REJECTS:
        return "rejects";
    case SUSPENDED_QUARANTINE:
        return "quarantine";
    case SUSPENDED_OPERATOR:
        return "operator";
    case SUSPENDED_PARTIAL:
        return "partitions elsewhere";
    }
    return "unknown";
}

struct partition *partition_new(int32_t number, struct roster *roster, size_t topic_count,
                                uint32_t max_symbols) {
    struct partition *partition = calloc(1, sizeof *partition);
    if (partition == NULL)
        return NULL;
    partition->number = number;
    partition->topic_count = topic_count;
    partition->roster = roster_retain(roster);
    partition->symbols = symbols_new(max_symbols);
    partition->topics = calloc(topic_count + 1, sizeof *partition->topics);
    partition->seats = calloc(roster->count + 1, sizeof *partition->seats);
    if (partition->symbols == NULL || partition->topics == NULL || partition->seats == NULL) {
        partition_free(partition);
        return NULL;
    }
    for (size_t i = 0; i < topic_count; i++)
        progress_init(&partition->topics[i]);
    return partition;
}

void partition_free(struct partition *partition) {
    if (partition == NULL)
        return;
    partition_forget_routes(partition);
    for (size_t i = 0; i < partition->seat_count; i++)
        seat_free(partition->seats[i]);
    free(partition->seats);
    for (size_t i = 0; partition->topics != NULL && i < partition->topic_count; i++)
        progress_release(&partition->topics[i]);
    free(partition->topics);
    symbols_free(partition->symbols);
    roster_release(partition->roster);
    free(partition);
}

struct seat *seat_new(struct partition *partition, struct deployment *deployment) {
    struct seat *seat = calloc(1, sizeof *seat);
    if (seat == NULL)
        return NULL;
    seat->gap_from = calloc(partition->topic_count + 1, sizeof *seat->gap_from);
    if (seat->gap_from == NULL) {
        free(seat);
        return NULL;
    }
    for (size_t i = 0; i < partition->topic_count; i++)
        seat->gap_from[i] = SOURCE_NO_OFFSET;
    seat->partition = partition;
    seat->deployment = deployment_retain(deployment);
    seat->made_of = deployment_retain(deployment);
    seat->origin = "fresh";
    seat->cause = (struct cause){.topic = NOT_WANTED, .partition = partition->number, .offset = -1};
    return seat;
}

void seat_free(struct seat *seat) {
    if (seat == NULL)
        return;
    if (seat->instance != NULL)
        instance_destroy(seat->instance);
    deployment_release(seat->deployment);
    deployment_release(seat->made_of);
    free(seat->gap_from);
    free(seat);
}

struct seat *partition_seat(const struct partition *partition, const char *deployment) {
    for (size_t i = 0; i < partition->seat_count; i++) {
        if (strcmp(partition->seats[i]->deployment->name, deployment) == 0)
            return partition->seats[i];
    }
    return NULL;
}

void partition_forget_routes(struct partition *partition) {
    while (partition->routes != NULL) {
        struct route *next = partition->routes->next;
        free(partition->routes->members);
        free(partition->routes->begin);
        free(partition->routes->entries);
        free(partition->routes);
        partition->routes = next;
    }
    free(partition->route_by_symbol);
    partition->route_by_symbol = NULL;
    partition->route_capacity = 0;
}

/* Candidate number `index`: the partition's own seats, then the GLOBAL ones. */
static struct seat *candidate(const struct partition *partition, size_t index) {
    return index < partition->seat_count ? partition->seats[index]
                                         : partition->global->seats[index - partition->seat_count];
}

static size_t candidate_count(const struct partition *partition) {
    return partition->seat_count + (partition->global != NULL ? partition->global->seat_count : 0);
}

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct route_entry *)a)->seat->deployment->name,
                  ((const struct route_entry *)b)->seat->deployment->name);
}

static struct route *route_new(const struct partition *partition, const uint64_t *members,
                               size_t words) {
    const size_t candidates = candidate_count(partition);
    struct route *route = calloc(1, sizeof *route);
    if (route == NULL)
        return NULL;
    route->members = malloc(words * sizeof *members);
    route->begin = calloc(partition->topic_count + 1, sizeof *route->begin);
    route->entries = calloc(candidates * partition->topic_count + 1, sizeof *route->entries);
    if (route->members == NULL || route->begin == NULL || route->entries == NULL) {
        free(route->members);
        free(route->begin);
        free(route->entries);
        free(route);
        return NULL;
    }
    memcpy(route->members, members, words * sizeof *members);
    size_t count = 0;
    for (size_t topic = 0; topic < partition->topic_count; topic++) {
        route->begin[topic] = count;
        for (size_t i = 0; i < candidates; i++) {
            struct seat *seat = candidate(partition, i);
            const bool is_member = (members[i / 64] >> (i % 64)) & 1;
            if (!is_member || seat->deployment->topics[topic] == NOT_WANTED)
                continue;
            route->entries[count++] = (struct route_entry){
                .seat = seat,
                .topic = seat->deployment->topics[topic],
                .is_global = i >= partition->seat_count,
                .time_frames = seat->deployment->time_frames,
            };
        }
        if (count > route->begin[topic])
            qsort(route->entries + route->begin[topic], count - route->begin[topic],
                  sizeof *route->entries, compare_entries);
    }
    route->begin[partition->topic_count] = count;
    return route;
}

static bool grow_by_symbol(struct partition *partition, uint32_t symbol_id) {
    uint32_t capacity = partition->route_capacity > 0 ? partition->route_capacity : 64;
    while (capacity <= symbol_id)
        capacity *= 2;
    struct route **grown =
        realloc(partition->route_by_symbol, capacity * sizeof *partition->route_by_symbol);
    if (grown == NULL)
        return false;
    memset(grown + partition->route_capacity, 0,
           (capacity - partition->route_capacity) * sizeof *grown);
    partition->route_by_symbol = grown;
    partition->route_capacity = capacity;
    return true;
}

struct route *partition_route(struct partition *partition, uint32_t symbol_id, const char *symbol,
                              size_t size) {
    if (symbol_id >= partition->route_capacity && !grow_by_symbol(partition, symbol_id))
        return NULL;
    struct route *route = partition->route_by_symbol[symbol_id];
    if (route != NULL)
        return route;
    const size_t candidates = candidate_count(partition);
    const size_t words = candidates / 64 + 1;
    uint64_t *members = calloc(words, sizeof *members);
    if (members == NULL)
        return NULL;
    for (size_t i = 0; i < candidates; i++) {
        if (deployment_wants_symbol(candidate(partition, i)->deployment, symbol, size))
            members[i / 64] |= UINT64_C(1) << (i % 64);
    }
    for (route = partition->routes; route != NULL; route = route->next) {
        if (memcmp(route->members, members, words * sizeof *members) == 0)
            break;
    }
    if (route == NULL) {
        route = route_new(partition, members, words);
        if (route != NULL) {
            route->next = partition->routes;
            partition->routes = route;
        }
    }
    free(members);
    partition->route_by_symbol[symbol_id] = route;
    return route;
}

bool partition_is_owned(const struct partition *partition) {
    for (size_t i = 0; i < partition->topic_count; i++) {
        if (partition->topics[i].is_owned)
            return true;
    }
    return false;
}
