#include "commands/operation/status.h"

#include "cli/cli.h"

#include <stdio.h>

static void print_signal(const char *head, const cJSON *signal) {
    char *text = cJSON_IsObject(signal) ? cJSON_PrintUnformatted(signal) : NULL;
    if (text == NULL && cJSON_IsObject(signal))
        note_oom();
    print_out("    %-8s %s\n", head, text != NULL ? text : "nothing");
    cJSON_free(text);
}

static double count_differences(const cJSON *shadow) {
    return status_number(shadow, "changed") + status_number(shadow, "only_original") +
           status_number(shadow, "only_shadow");
}

static const char *state_of(const cJSON *shadow) {
    return status_is(shadow, "stopped")     ? "stopped: too slow"
           : status_is(shadow, "comparing") ? "comparing"
                                            : "not level with its original";
}

static void print_shadow(const cJSON *strategy, const cJSON *shadow) {
    const cJSON *difference;
    print_out("%s, shadow of %s: %s\n", status_text(strategy, "name"), status_text(shadow, "of"),
              state_of(shadow));
    print_out("  %.0f same, %.0f changed, %.0f only in the original, %.0f only in the shadow\n",
              status_number(shadow, "same"), status_number(shadow, "changed"),
              status_number(shadow, "only_original"), status_number(shadow, "only_shadow"));
    if (status_number(shadow, "changed") > 0)
        print_out(
            "  of the changed ones: value of %.0f, confidence of %.0f, price or data of %.0f\n",
            status_number(shadow, "changed_value"), status_number(shadow, "changed_confidence"),
            status_number(shadow, "changed_data"));
    if (status_number(shadow, "uncompared") > 0)
        print_out("  %.0f of the shadow not compared, as one of the two was behind\n",
                  status_number(shadow, "uncompared"));
    if (count_differences(shadow) > 0)
        print_out("  the last differences, newest first:\n");
    cJSON_ArrayForEach(difference, status_member(shadow, "differences")) {
        print_signal("original", status_member(difference, "original"));
        print_signal("shadow", status_member(difference, "shadow"));
    }
}

void status_print_shadows(const cJSON *status) {
    const cJSON *strategy;
    size_t count = 0;
    cJSON_ArrayForEach(strategy, status_member(status, "strategies")) {
        const cJSON *shadow = status_member(strategy, "shadow");
        if (shadow == NULL)
            continue;
        print_shadow(strategy, shadow);
        count++;
    }
    if (count == 0)
        print_out("no shadow is running: a [strategy:NAME] with shadow_of is one\n");
}

/* The member as it is, with the shadow's name. */
static bool add_shadow(cJSON *array, const cJSON *strategy, const cJSON *shadow) {
    cJSON *copy = cJSON_Duplicate(shadow, true);
    if (copy != NULL &&
        cJSON_AddStringToObject(copy, "name", status_text(strategy, "name")) != NULL &&
        cJSON_AddItemToArray(array, copy))
        return true;
    cJSON_Delete(copy);
    return false;
}

void status_print_shadows_json(const cJSON *status) {
    cJSON *array = cJSON_CreateArray();
    const cJSON *strategy;
    bool did = array != NULL;
    cJSON_ArrayForEach(strategy, status_member(status, "strategies")) {
        const cJSON *shadow = status_member(strategy, "shadow");
        did = did && (shadow == NULL || add_shadow(array, strategy, shadow));
    }
    char *text = did ? cJSON_PrintUnformatted(array) : NULL;
    if (text == NULL)
        note_oom();
    else
        printf("%s\n", text);
    cJSON_free(text);
    cJSON_Delete(array);
}
