/*
 * A library whose debugging information has every type of the ABI, for abidiff: libabigail compares
 * what the exported functions and variables reach.
 */
#include <take5/take5.h>

struct every_type {
    t5_str str;
    t5_value value;
    t5_message message;
    t5_event event;
    t5_named_value named_value;
    t5_signal signal;
    t5_point point;
    t5_timer timer;
    t5_record record;
    t5_save_args save_args;
    t5_load_args load_args;
    t5_document document;
    t5_host host;
    t5_services services;
    t5_parameter parameter;
    t5_create_args create_args;
    t5_activate_args activate_args;
    t5_setting setting;
    t5_describe_args describe_args;
    t5_description description;
    t5_strategy strategy;
    t5_note note;
    enum t5_code code;
    enum t5_mode mode;
    enum t5_level level;
    enum t5_clock clock;
    enum t5_event_kind event_kind;
    enum t5_message_flag message_flag;
    enum t5_value_type value_type;
    enum t5_value_flag value_flag;
    enum t5_parameter_type parameter_type;
    enum t5_save_reason save_reason;
    enum t5_scope scope;
    enum t5_side side;
};

T5_EXPORT struct every_type *take5_every_type(struct every_type *all);

struct every_type *take5_every_type(struct every_type *all) {
    return all;
}
