#include "describe.h"
#include "interpreter.h"

#include <stdlib.h>
#include <string.h>

static const t5_parameter file = {
    .size = sizeof file,
    .type = T5_PARAMETER_FILE,
    .name = "file",
    .help = "the script, NAME.py",
};
static const t5_parameter venv = {
    .size = sizeof venv,
    .type = T5_PARAMETER_TEXT,
    .name = "venv",
    .help = "directory of a virtual environment with the packages that it imports, seen from the "
            "script's; empty: the system's",
    .default_value = "",
};
static const t5_parameter path = {
    .size = sizeof path,
    .type = T5_PARAMETER_TEXT,
    .name = "path",
    .help = "directories for sys.path behind the script's own, divided by colons",
    .default_value = "",
};
static const t5_parameter python = {
    .size = sizeof python,
    .type = T5_PARAMETER_TEXT,
    .name = "python",
    .help = "version of Python that it needs, such as 3.11; empty: as it is",
    .default_value = "",
};
const t5_parameter *const describe_parameters[] = {&file, &venv, &path, &python, NULL};
#define OWN_COUNT (sizeof describe_parameters / sizeof *describe_parameters - 1)

/* The answer, and what it points to: valid until the next one. */
static struct {
    PyObject *object; /* keeps the texts */
    const char **topics, **fields, **series;
    t5_parameter *parameters;
    const t5_parameter **list;
    char why[INTERPRETER_WHY_SIZE];
} answer;

static const char *const any_topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

static const char *setting(const t5_describe_args *args, const char *name, const char *otherwise) {
    for (uint32_t i = 0; i < args->setting_count; i++)
        if (t5_str_equal(args->settings[i].name, t5_text(name)))
            return args->settings[i].text.data; /* of an ini file: it ends with a NUL */
    return otherwise;
}

static PyObject *text_of(t5_str text) {
    return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
}

/* With the lock. NULL with an exception. */
static PyObject *settings_of(const t5_describe_args *args) {
    PyObject *settings = PyDict_New();
    for (uint32_t i = 0; settings != NULL && i < args->setting_count; i++) {
        const t5_setting *one = &args->settings[i];
        PyObject *name = text_of(one->name);
        PyObject *text = text_of(one->text);
        const int did = name != NULL && text != NULL && PyDict_SetItem(settings, name, text) == 0;
        Py_XDECREF(name);
        Py_XDECREF(text);
        if (!did)
            Py_CLEAR(settings);
    }
    return settings;
}

/* The directory that a relative path in a setting is seen from, by name; for defaults by None. With
 * the lock. NULL with an exception. */
static PyObject *folders_of(const t5_describe_args *args) {
    PyObject *folders = PyDict_New();
    for (uint32_t i = 0; folders != NULL && i <= args->setting_count; i++) {
        PyObject *name =
            i < args->setting_count ? text_of(args->settings[i].name) : Py_NewRef(Py_None);
        PyObject *folder = text_of(args->folders[i]);
        const int did =
            name != NULL && folder != NULL && PyDict_SetItem(folders, name, folder) == 0;
        Py_XDECREF(name);
        Py_XDECREF(folder);
        if (!did)
            Py_CLEAR(folders);
    }
    return folders;
}

/* A list of texts, ended by NULL; the texts are the objects'. */
static const char **texts_of(const char *name) {
    PyObject *list = PyDict_GetItemString(answer.object, name);
    const Py_ssize_t count = list != NULL ? PyList_Size(list) : -1;
    const char **texts = count >= 0 ? calloc((size_t)count + 1, sizeof *texts) : NULL;
    for (Py_ssize_t i = 0; texts != NULL && i < count; i++) {
        texts[i] = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i));
        if (texts[i] == NULL) {
            free(texts);
            return NULL;
        }
    }
    return texts;
}

/* (type, name, help, default, min, max), the last three texts or None. */
static int read_parameter(PyObject *tuple, t5_parameter *parameter) {
    parameter->size = (uint32_t)sizeof *parameter;
    return PyArg_ParseTuple(tuple, "Isszzz:parameter", &parameter->type, &parameter->name,
                            &parameter->help, &parameter->default_value, &parameter->min,
                            &parameter->max);
}

static int read_parameters(void) {
    PyObject *list = PyDict_GetItemString(answer.object, "parameters");
    const Py_ssize_t count = list != NULL ? PyList_Size(list) : -1;
    if (count < 0)
        return 0;
    answer.parameters = calloc((size_t)count + 1, sizeof *answer.parameters);
    answer.list = calloc((size_t)count + OWN_COUNT + 1, sizeof *answer.list);
    if (answer.parameters == NULL || answer.list == NULL)
        return (PyErr_NoMemory(), 0);
    memcpy(answer.list, describe_parameters, OWN_COUNT * sizeof *answer.list);
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!read_parameter(PyList_GET_ITEM(list, i), &answer.parameters[i]))
            return 0;
        answer.list[OWN_COUNT + (size_t)i] = &answer.parameters[i];
    }
    return 1;
}

static int read_numbers(t5_description *description) {
    unsigned int state_version, side;
    long long warm_up_ns;
    PyObject *tuple = PyDict_GetItemString(answer.object, "numbers");
    if (tuple == NULL || !PyArg_ParseTuple(tuple, "IIL", &state_version, &side, &warm_up_ns))
        return 0;
    description->state_version = state_version;
    description->side = side;
    description->warm_up_ns = warm_up_ns;
    return 1;
}

static int read_answer(t5_description *description) {
    answer.topics = texts_of("topics");
    answer.fields = texts_of("fields");
    answer.series = texts_of("series");
    PyObject *version = PyDict_GetItemString(answer.object, "version");
    description->version = version != NULL ? PyUnicode_AsUTF8(version) : NULL;
    if (answer.topics == NULL || answer.fields == NULL || answer.series == NULL ||
        description->version == NULL || !read_parameters() || !read_numbers(description))
        return 0;
    description->topics = answer.topics;
    description->fields = answer.fields;
    description->series = answer.series;
    description->parameters = answer.list;
    return 1;
}

static void forget(void) {
    Py_CLEAR(answer.object);
    free(answer.topics);
    free(answer.fields);
    free(answer.series);
    free(answer.parameters);
    free(answer.list);
    answer.topics = answer.fields = answer.series = NULL;
    answer.parameters = NULL;
    answer.list = NULL;
}

/* With the lock. */
static int ask(const t5_describe_args *args, t5_description *description) {
    forget();
    PyObject *settings = settings_of(args);
    PyObject *folders = settings != NULL ? folders_of(args) : NULL;
    if (folders != NULL)
        answer.object = interpreter_call("describe", "(OO)", settings, folders);
    Py_XDECREF(settings);
    Py_XDECREF(folders);
    if (answer.object != NULL && read_answer(description))
        return 1;
    interpreter_why(answer.why);
    return 0;
}

int32_t describe(const t5_describe_args *args, t5_description *description) {
    const struct interpreter_setup setup = {setting(args, "file", NULL), setting(args, "venv", ""),
                                            setting(args, "python", "")};
    description->error = answer.why;
    if (setup.file == NULL) { /* the host will say that it has to be set */
        description->topics = any_topics;
        return T5_OK;
    }
    if (!interpreter_begin(&setup, answer.why))
        return T5_ERROR;
    interpreter_enter();
    const int did = ask(args, description);
    interpreter_leave();
    return did ? T5_OK : T5_ERROR;
}
