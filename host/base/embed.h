/*
 * base/embed.h - a file embedded in the program by the build.
 *
 *     EMBED(greeting, "room/greeting.txt");    text from greeting_begin up to greeting_end
 *
 * The assembler looks for it from host/. CMake has to know, by OBJECT_DEPENDS, and that the
 * source is compiled with -fno-lto: link-time optimisation assembles elsewhere.
 */
#ifndef TAKE5_BASE_EMBED_H
#define TAKE5_BASE_EMBED_H

/* Read-only, and no NUL follows. */
#define EMBED(symbol, path)                                                                        \
    __asm__(".pushsection .rodata\n" #symbol "_begin:\n.incbin \"" path "\"\n" #symbol             \
            "_end:\n.popsection\n");                                                               \
    extern const char symbol##_begin[] __attribute__((visibility("hidden")));                      \
    extern const char symbol##_end[] __attribute__((visibility("hidden")))

#endif
