#include "strategy/plugin/strategy_file.h"

#include "support.h"

#include <criterion/criterion.h>

#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *error_of(const char *path) {
    static struct error error;
    struct strategy_file file;
    cr_assert_not(strategy_file_read(path, &file, &error), "%s is taken", path);
    cr_assert_null(file.bytes);
    return error.text;
}

/* Compares what is said after "PATH: ". */
static void assert_refused(const char *path, const char *text) {
    const char *said = error_of(path);
    const size_t size = strlen(path);
    cr_assert_eq(strncmp(said, path, size), 0, "%s", said);
    cr_assert_eq(strncmp(said + size, ": ", 2), 0, "%s", said);
    cr_assert_str_eq(said + size + 2, text);
}

static void assert_bytes_refused(const void *bytes, size_t size, const char *text) {
    const char *path = scratch_path("x.so");
    write_file(path, bytes, size);
    assert_refused(path, text);
}

static char *read_plugin(const char *name, size_t *size) {
    char *bytes = read_file(plugin_path(name), size);
    cr_assert_not_null(bytes);
    return bytes;
}

Test(strategy_file, note_is_read_without_running_a_line) {
    struct strategy_file file;
    struct error error;
    /* Its constructor crashes: it would be noticed. */
    cr_assert(strategy_file_read(plugin_path("crash_constructor"), &file, &error), "%s",
              error.text);
    cr_assert_str_eq(file.name, "crash_constructor");
    cr_assert_str_eq(file.version, "1.0.0");
    cr_assert_eq(file.abi_major, 1);
    cr_assert_eq(file.abi_minor_built, T5_ABI_MINOR);
    cr_assert_eq(file.abi_minor_required, T5_ABI_MINOR);
    cr_assert(strategy_file_judge(&file, &error));
    strategy_file_release(&file);
}

Test(strategy_file, bytes_and_hash_are_those_of_the_file) {
    struct strategy_file file;
    struct error error;
    struct hash hash;
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    cr_assert(strategy_file_read(plugin_path("good_v1"), &file, &error));
    cr_assert(hash_file(plugin_path("good_v1"), &hash, &error));
    cr_assert_eq(file.size, size);
    cr_assert_arr_eq(file.bytes, bytes, size);
    cr_assert(hash_equal(file.hash, hash));
    strategy_file_release(&file);
    free(bytes);
}

Test(strategy_file, writable_statics_are_measured) {
    struct strategy_file statics, none;
    struct error error;
    cr_assert(strategy_file_read(plugin_path("writable_statics"), &statics, &error));
    cr_assert(strategy_file_read(plugin_path("good_v1"), &none, &error));
    cr_assert_geq(statics.data_size, 512 * 8);
    cr_assert_geq(statics.bss_size, 1024 * 8);
    cr_assert_leq(none.data_size, 64); /* the compiler's own */
    cr_assert_leq(none.bss_size, 64);
    strategy_file_release(&statics);
    strategy_file_release(&none);
}

Test(strategy_file, missing_file_and_directory_are_told_apart) {
    assert_refused("/no/such.so", "cannot be opened: No such file or directory");
    const char *directory = scratch_path("directory.so");
    cr_assert_eq(mkdir(directory, 0755), 0);
    assert_refused(directory, "not a regular file");
}

Test(strategy_file, pipe_does_not_hold_the_host) {
    const char *path = scratch_path("pipe.so");
    cr_assert_eq(mkfifo(path, 0644), 0);
    assert_refused(path, "not a regular file");
}

Test(strategy_file, text_is_no_elf_file) {
    assert_bytes_refused("[strategy:alpha]\nplugin = alpha\n", 32,
                         "not an ELF file: a strategy is a shared object, built with `cc -shared "
                         "-fPIC`");
    assert_bytes_refused("", 0, "is empty");
    assert_bytes_refused("\177ELL", 4,
                         "not an ELF file: a strategy is a shared object, built with `cc -shared "
                         "-fPIC`");
}

Test(strategy_file, half_copied_file_is_told_both_sizes) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    char *text =
        text_format("incomplete copy: its headers declare %zu bytes, the file has %zu; copy it "
                    "under a name that begins with a dot, then rename it",
                    size, size / 2);
    assert_bytes_refused(bytes, size / 2, text);
    free(text);
    assert_bytes_refused(
        bytes, 20,
        "incomplete copy: its headers declare 64 bytes, the file has 20; copy it under "
        "a name that begins with a dot, then rename it");
    free(bytes);
}

/* Every length of the whole file: the linker puts the section headers last, so all are refused. */
Test(strategy_file, every_truncation_is_refused) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    const char *path = scratch_path("x.so");
    write_file(path, bytes, size);
    for (size_t left = size; left-- > 0;) {
        struct strategy_file file;
        struct error error;
        cr_assert_eq(truncate(path, (off_t)left), 0);
        cr_assert_not(strategy_file_read(path, &file, &error), "%zu of %zu bytes", left, size);
    }
    free(bytes);
}

static Elf64_Ehdr *header_of(char *bytes) {
    return (Elf64_Ehdr *)bytes;
}

#if defined(__x86_64__)
Test(strategy_file, file_of_another_machine_is_told_both_machines) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    header_of(bytes)->e_machine = EM_AARCH64;
    assert_bytes_refused(bytes, size,
                         "built for AArch64 (machine 183), this host is x86-64 (machine 62): build "
                         "it here, or with a cross compiler for it");
    header_of(bytes)->e_machine = EM_X86_64;
    bytes[EI_CLASS] = ELFCLASS32;
    assert_bytes_refused(bytes, size,
                         "built for another machine: it is 32-bit and little-endian, this host is "
                         "x86-64 (64-bit, little-endian)");
    bytes[EI_CLASS] = ELFCLASS64;
    bytes[EI_DATA] = ELFDATA2MSB;
    assert_bytes_refused(bytes, size,
                         "built for another machine: it is 64-bit and big-endian, this host is "
                         "x86-64 (64-bit, little-endian)");
    free(bytes);
}
#endif

Test(strategy_file, object_file_and_program_are_no_shared_objects) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    header_of(bytes)->e_type = ET_REL;
    assert_bytes_refused(bytes, size,
                         "an object file (ELF type 1), not a shared object: link it with `cc "
                         "-shared`");
    header_of(bytes)->e_type = ET_EXEC;
    assert_bytes_refused(bytes, size,
                         "a program (ELF type 2), not a shared object: link it with `cc -shared`");
    free(bytes);
}

Test(strategy_file, shared_object_without_a_note_is_no_strategy) {
    assert_refused(
        plugin_path("no_descriptor"),
        "not a strategy: it has no take5 note; T5_STRATEGY() at the end of the source creates "
        "it");
}

/* Finds bytes in the file, to be changed there. */
static char *find(char *bytes, size_t size, const void *wanted, size_t wanted_size) {
    char *at = memmem(bytes, size, wanted, wanted_size);
    cr_assert_not_null(at);
    return at;
}

Test(strategy_file, note_without_the_symbol_is_refused) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    /* In .dynstr first, in .strtab once more. */
    for (char *at; (at = memmem(bytes, size, "take5_strategy", 15)) != NULL;)
        at[0] = 'x';
    assert_bytes_refused(bytes, size,
                         "no symbol take5_strategy is visible: T5_STRATEGY() creates it, a version "
                         "script must not hide it");
    free(bytes);
}

Test(strategy_file, name_that_is_a_path_is_refused) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    static const char note[] = "take5\0\0\0\1\0\0\0";
    char *at = find(bytes, size, note, sizeof note - 1) + 8;
    memcpy(at + 16, "../x", 5);
    assert_bytes_refused(
        bytes, size,
        "the name in its take5 note must be 1 to 63 of a-z, 0-9, _ and -, and begin "
        "with a letter");
    memset(at + 16, 'a', 64);
    assert_bytes_refused(bytes, size,
                         "its take5 note has an unterminated name or version: at most 63 and 31 "
                         "bytes");
    free(bytes);
}

Test(strategy_file, other_major_is_told_both_versions) {
    struct strategy_file file;
    struct error error;
    const char *path = plugin_path("other_major");
    cr_assert(strategy_file_read(path, &file, &error));
    cr_assert_not(strategy_file_judge(&file, &error));
    char *text = text_format("%s: other_major 1.0.0 has ABI 2.0, this host 1.0: build it with "
                             "this host's SDK",
                             path);
    cr_assert_str_eq(error.text, text);
    free(text);
    strategy_file_release(&file);
}

Test(strategy_file, newer_minor_is_told_both_versions) {
    struct strategy_file file;
    struct error error;
    const char *path = plugin_path("newer_minor");
    cr_assert(strategy_file_read(path, &file, &error));
    cr_assert_not(strategy_file_judge(&file, &error));
    char *text =
        text_format("%s: newer_minor 1.0.0 requires ABI 1.99, this host has 1.0: update the "
                    "host, or build the strategy with -DT5_ABI_MINOR_REQUIRED=0 if it "
                    "does not need the newer functions",
                    path);
    cr_assert_str_eq(error.text, text);
    free(text);
    strategy_file_release(&file);
}

/* ---- damage ---- */

/* Random bytes changed all over the file, many in its headers. Whatever the outcome: no crash, and
 * no look beyond the bytes (under a sanitizer). */
Test(strategy_file, random_damage_never_crashes) {
    size_t size;
    char *bytes = read_plugin("good_v1", &size);
    char *mutant = malloc(size);
    const char *path = scratch_path("x.so");
    const Elf64_Ehdr header = *header_of(bytes);
    const size_t sections_size = (size_t)header.e_shnum * header.e_shentsize;
    unsigned refused = 0;
    srand(20240618);
    for (int round = 0; round < 6000; round++) {
        memcpy(mutant, bytes, size);
        for (int i = rand() % 6; i >= 0; i--) {
            size_t at;
            switch (rand() % 4) {
            case 0: /* the header and the program headers */
                at = 16 + (size_t)rand() % (64 + 56u * header.e_phnum - 16);
                break;
            case 1: /* the section headers */
                at = header.e_shoff + (size_t)rand() % sections_size;
                break;
            case 2: /* notes, hash, symbols: they stand in the first pages */
                at = (size_t)rand() % 4096;
                break;
            default:
                at = (size_t)rand() % size;
                break;
            }
            static const char telling[] = {0, 1, 127, -1, -128};
            mutant[at] = rand() % 2 == 0 ? telling[rand() % 5] : (char)rand();
        }
        const size_t kept = rand() % 8 == 0 ? (size_t)rand() % size : size;
        struct strategy_file file;
        struct error error;
        write_file(path, mutant, kept);
        if (strategy_file_read(path, &file, &error))
            strategy_file_release(&file);
        else
            refused++;
    }
    cr_assert_gt(refused, 2000);
    free(mutant);
    free(bytes);
}
