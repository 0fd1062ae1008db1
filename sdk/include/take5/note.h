/*
 * take5/note.h - how a strategy is found in a file: one exported data symbol and one ELF note.
 *
 * The host and `take5 inspect` read the note before a line of the strategy runs. Both are part of
 * the ABI, so that other languages can write them:
 *
 *   symbol  `take5_strategy`: a t5_strategy, default visibility
 *   note    in a section ".note.take5" that a PT_NOTE segment covers; name "take5\0", type 1;
 *           descriptor of 112 bytes, little endian:
 *             0   u32  ABI major
 *             4   u32  ABI minor built with
 *             8   u32  ABI minor required
 *             12  u32  flags, T5_NOTE_OWN_PROCESS or 0; others are ignored
 *             16  64 bytes  strategy's name, NUL-padded, at least one NUL
 *             80  32 bytes  strategy's version, NUL-padded, at least one NUL
 */
#ifndef TAKE5_NOTE_H
#define TAKE5_NOTE_H

#include "strategy.h"

#define T5_NOTE_NAME         "take5"
#define T5_NOTE_TYPE         1
#define T5_DESCRIPTOR_SYMBOL "take5_strategy"

/* A flag: it can be begun once in a process, as an interpreter of another language. The host has
 * one of its deployments in a process at most (the second is refused, with the advice to name a
 * `worker`; those of the bundled `python` have one each by themselves), restarts that process for a
 * change of it, and runs the file only for a section that names it. */
#define T5_NOTE_OWN_PROCESS 1

/* Of this strategy. To be defined, if at all, before the first include. */
#ifndef T5_NOTE_FLAGS
#define T5_NOTE_FLAGS 0
#endif

typedef struct t5_note {
    uint32_t name_size; /* 6 */
    uint32_t desc_size; /* 112 */
    uint32_t type;      /* T5_NOTE_TYPE */
    char name[8];       /* "take5", padded */
    uint32_t abi_major;
    uint32_t abi_minor_built;
    uint32_t abi_minor_required;
    uint32_t reserved; /* the flags: T5_NOTE_FLAGS */
    char strategy_name[64];
    char strategy_version[32];
} t5_note;

#define T5_NOTE_(note_name_text, note_version_text)                                                \
    __attribute__((section(".note.take5"), used, aligned(4))) static const t5_note take5_note = {  \
        6,                                                                                         \
        112,                                                                                       \
        T5_NOTE_TYPE,                                                                              \
        T5_NOTE_NAME,                                                                              \
        T5_ABI_MAJOR,                                                                              \
        T5_ABI_MINOR,                                                                              \
        T5_ABI_MINOR_REQUIRED,                                                                     \
        T5_NOTE_FLAGS,                                                                             \
        note_name_text,                                                                            \
        note_version_text}

/* Members that are left out are meant to be zero; g++ -Wextra warns of them in C++, alone. */
#if defined(__cplusplus) && defined(__GNUC__) && !defined(__clang__)
#define T5_LEFT_OUT_BEGIN_                                                                         \
    _Pragma("GCC diagnostic push")                                                                 \
        _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define T5_LEFT_OUT_END_ _Pragma("GCC diagnostic pop")
#else
#define T5_LEFT_OUT_BEGIN_
#define T5_LEFT_OUT_END_
#endif

/*
 * C and C++20:  T5_STRATEGY("name", "1.0.0", .create = create, .destroy = destroy, ...);
 * once in a strategy, at file scope.
 */
#if !defined(__cplusplus) || __cplusplus >= 202002L
#define T5_STRATEGY(strategy_name_text, strategy_version_text, ...)                                \
    T5_LEFT_OUT_BEGIN_                                                                             \
    T5_EXTERN_C T5_EXPORT const t5_strategy take5_strategy;                                        \
    const t5_strategy take5_strategy = {.size = (uint32_t)sizeof(t5_strategy),                     \
                                        .flags = 0,                                                \
                                        .name = strategy_name_text,                                \
                                        .version = strategy_version_text,                          \
                                        __VA_ARGS__};                                              \
    T5_LEFT_OUT_END_                                                                               \
    T5_NOTE_(strategy_name_text, strategy_version_text)
#else
#define T5_STRATEGY(...)                                                                           \
    static_assert(__cplusplus >= 202002L,                                                          \
                  "T5_STRATEGY() is for C and for C++20 (-std=c++20): in older C++ use "           \
                  "T5_STRATEGY_BUILD(), or T5_STRATEGY_CLASS() of take5/strategy.hpp")
#endif

/*
 * C++11 and later, where designated initialisers are not to be had:
 *   T5_STRATEGY_BUILD("name", "1.0.0", t5_builder().topics(t).create(c).destroy(d).on_message(m));
 */
#ifdef __cplusplus
class t5_builder {
  public:
    t5_builder() : descriptor_() {
        descriptor_.size = static_cast<uint32_t>(sizeof descriptor_);
    }
    t5_builder &name(const char *v) {
        descriptor_.name = v;
        return *this;
    }
    t5_builder &version(const char *v) {
        descriptor_.version = v;
        return *this;
    }
    t5_builder &summary(const char *v) {
        descriptor_.summary = v;
        return *this;
    }
    t5_builder &topics(const char *const *v) {
        descriptor_.topics = v;
        return *this;
    }
    t5_builder &scope(uint32_t v) {
        descriptor_.scope = v;
        return *this;
    }
    t5_builder &state_version(uint32_t v) {
        descriptor_.state_version = v;
        return *this;
    }
    t5_builder &fields(const char *const *v) {
        descriptor_.fields = v;
        return *this;
    }
    t5_builder &parameters(const t5_parameter *const *v) {
        descriptor_.parameters = v;
        return *this;
    }
    t5_builder &describe(decltype(t5_strategy::describe) v) {
        descriptor_.describe = v;
        return *this;
    }
    t5_builder &create(decltype(t5_strategy::create) v) {
        descriptor_.create = v;
        return *this;
    }
    t5_builder &destroy(decltype(t5_strategy::destroy) v) {
        descriptor_.destroy = v;
        return *this;
    }
    t5_builder &load(decltype(t5_strategy::load) v) {
        descriptor_.load = v;
        return *this;
    }
    t5_builder &activate(decltype(t5_strategy::activate) v) {
        descriptor_.activate = v;
        return *this;
    }
    t5_builder &deactivate(decltype(t5_strategy::deactivate) v) {
        descriptor_.deactivate = v;
        return *this;
    }
    t5_builder &on_message(decltype(t5_strategy::on_message) v) {
        descriptor_.on_message = v;
        return *this;
    }
    t5_builder &on_timer(decltype(t5_strategy::on_timer) v) {
        descriptor_.on_timer = v;
        return *this;
    }
    t5_builder &on_event(decltype(t5_strategy::on_event) v) {
        descriptor_.on_event = v;
        return *this;
    }
    t5_builder &save(decltype(t5_strategy::save) v) {
        descriptor_.save = v;
        return *this;
    }
    t5_strategy build() const {
        return descriptor_;
    }

  private:
    t5_strategy descriptor_;
};

#define T5_STRATEGY_BUILD(strategy_name_text, strategy_version_text, builder)                      \
    T5_NOTE_(strategy_name_text, strategy_version_text);                                           \
    T5_EXTERN_C T5_EXPORT const t5_strategy take5_strategy;                                        \
    const t5_strategy take5_strategy =                                                             \
        (builder).name(strategy_name_text).version(strategy_version_text).build()
#endif

#endif
