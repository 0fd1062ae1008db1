/*
 * config/place/host_id.h - who this host is among those of its group when nothing sets it. Inside
 * config.
 *
 * The name must come back with the host and be nobody else's: the group keeps a host's partitions
 * for its name ([kafka] group.instance.id).
 */
#ifndef TAKE5_CONFIG_PLACE_HOST_ID_H
#define TAKE5_CONFIG_PLACE_HOST_ID_H

#include <stdbool.h>
#include <stddef.h>

/* Of a name that somebody gives; "" and NULL are too short. What it leaves of Kafka's 249 letters
 * is for who builds upon it. */
#define HOST_ID_MAX 200
bool host_id_is_valid(const char *text);

/* How a machine identifies itself. */
struct host_facts {
    char machine_id[33]; /* of machine-id(5); "": it has none */
    char hostname[256];
    bool is_container;  /* its machine id may be the image's: that of many */
    bool is_kubernetes; /* the host name is the pod's */
};

/* `root` is where /etc and /run are seen from: "" for this machine. Environment: may be NULL. */
void host_facts_read(struct host_facts *facts, const char *root, const char *const *environment);

/*
 * The pod's name where it ends with an ordinal (StatefulSet); else "SERVICE-" and 16 hexadecimal
 * digits, which stand for the state directory, of which two hosts of a machine have two, and the
 * machine id, or in a container its host name. The machine id itself is not shown. `lasts`: whether
 * it is the same after the host was replaced; a container's host name is only that of this
 * container. free() it; NULL: no memory.
 */
char *host_id_default(const struct host_facts *facts, const char *service, const char *state_dir,
                      bool *lasts);

#endif
