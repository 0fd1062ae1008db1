#include "supervisor/private.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* "a,b"; without memory the one before stays. */
REQUIRES(supervisor_lock) static void write_list(struct supervisor *supervisor) {
    struct text list;
    text_init(&list);
    for (size_t i = 0; i < supervisor->suspended_count; i++)
        text_printf(&list, "%s%s", i > 0 ? "," : "", supervisor->suspended[i]);
    if (!text_is_oom(&list)) {
        free((char *)supervisor->env.suspended);
        supervisor->env.suspended = list.size > 0 ? text_dup(list.data, list.size) : NULL;
    }
    text_release(&list);
}

REQUIRES(supervisor_lock) static void drop(struct supervisor *supervisor, size_t index) {
    free(supervisor->suspended[index]);
    supervisor->suspended[index] = supervisor->suspended[--supervisor->suspended_count];
}

void supervisor_note_suspended(struct supervisor *supervisor, const char *deployment,
                               bool is_suspended) {
    for (size_t i = 0; i < supervisor->suspended_count; i++)
        if (strcmp(supervisor->suspended[i], deployment) == 0)
            drop(supervisor, i--);
    char *copy = is_suspended ? text_dup(deployment, strlen(deployment)) : NULL;
    if (copy != NULL && ARRAY_RESIZE(supervisor->suspended, supervisor->suspended_count + 1))
        supervisor->suspended[supervisor->suspended_count++] = copy;
    else
        free(copy);
    write_list(supervisor);
}

const char *supervisor_original_of(const struct supervisor *supervisor, const char *deployment) {
    const struct config_deployment *section =
        config_deployment_find(supervisor->config, deployment);
    return section != NULL ? section->shadow_of : NULL;
}

static bool has_section(const struct config *config, const char *deployment) {
    const struct config_deployment *section = config_deployment_find(config, deployment);
    return section != NULL && section->is_enabled;
}

void supervisor_forget_suspended(struct supervisor *supervisor, const struct config *before) {
    for (size_t i = 0; i < supervisor->suspended_count; i++)
        if (has_section(before, supervisor->suspended[i]) &&
            !has_section(supervisor->config, supervisor->suspended[i]))
            drop(supervisor, i--);
    write_list(supervisor);
}

void supervisor_release_orders(struct supervisor *supervisor) {
    while (supervisor->suspended_count > 0)
        drop(supervisor, supervisor->suspended_count - 1);
    free(supervisor->suspended);
    free((char *)supervisor->env.suspended);
}
