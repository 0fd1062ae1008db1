/*
 * The strategy's callbacks, wrapped: the host's instance calls these. They tell the allocation
 * hooks when the strategy's own code runs, keep what goes wrong, and give the instance the kit's
 * services.
 *
 * The callbacks get the strategy's `self`, so they find their kit by the current call.
 */
#include "kit.h"

#include "strategy/plugin/descriptor.h"

#include <string.h>

static t5_kit *enter(void) {
    t5_kit *kit = kit_current;
    kit->reason[0] = '\0';
    kit->callbacks++;
    return kit;
}

static int32_t leave(t5_kit *kit, int32_t code, const char *callback) {
    kit->callbacks--;
    if (code != T5_OK)
        kit_add_error(kit, code, callback);
    return code;
}

static int32_t create(const t5_create_args *args, void **self) {
    t5_kit *kit = enter();
    kit->host_services = args->host->services;
    args->host->services = &kit->services.table;
    return leave(kit, kit->real.create(args, self), "create");
}

static void destroy(void *self) {
    t5_kit *kit = enter();
    kit->real.destroy(self);
    (void)leave(kit, T5_OK, "destroy");
}

static int32_t load(void *self, const t5_load_args *args) {
    t5_kit *kit = enter();
    return leave(kit, kit->real.load(self, args), "load");
}

static void activate(void *self, const t5_activate_args *args) {
    t5_kit *kit = enter();
    kit->real.activate(self, args);
    (void)leave(kit, T5_OK, "activate");
}

static void deactivate(void *self) {
    t5_kit *kit = enter();
    kit->real.deactivate(self);
    (void)leave(kit, T5_OK, "deactivate");
}

static int32_t on_message(void *self, const t5_message *message) {
    if (kit_current->is_tick)
        return T5_OK;
    t5_kit *kit = enter();
    return leave(kit, kit->real.on_message(self, message), "on_message");
}

static int32_t on_timer(void *self, const t5_timer *timer) {
    t5_kit *kit = enter();
    kit->is_timer = true;
    const int32_t code = kit->real.on_timer(self, timer);
    kit->is_timer = false;
    return leave(kit, code, "on_timer");
}

static void on_event(void *self, const t5_event *event) {
    t5_kit *kit = enter();
    kit->real.on_event(self, event);
    (void)leave(kit, T5_OK, "on_event");
}

static int32_t save(void *self, const t5_save_args *args) {
    t5_kit *kit = enter();
    return leave(kit, kit->real.save(self, args), "save");
}

void kit_wrap(t5_kit *kit) {
    descriptor_read(kit->original, &kit->real);
    kit->wrapped = kit->real;
    kit->wrapped.size = (uint32_t)sizeof kit->wrapped;
    kit->wrapped.create = create;
    kit->wrapped.destroy = destroy;
    kit->wrapped.on_message = on_message;
    if (kit->real.load != NULL)
        kit->wrapped.load = load;
    if (kit->real.activate != NULL)
        kit->wrapped.activate = activate;
    if (kit->real.deactivate != NULL)
        kit->wrapped.deactivate = deactivate;
    if (kit->real.on_timer != NULL)
        kit->wrapped.on_timer = on_timer;
    if (kit->real.on_event != NULL)
        kit->wrapped.on_event = on_event;
    if (kit->real.save != NULL)
        kit->wrapped.save = save;
}
