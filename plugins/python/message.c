#include "message.h"

#include <structmember.h>

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS               INT64_C(1000000)
/* What confluent-kafka calls them. */
#define TIMESTAMP_NOT_AVAILABLE 0
#define TIMESTAMP_CREATE_TIME   1

/* Behind it lie, in the host's form, its slots: those of every message, then the declared fields.
 */
struct message {
    PyObject_HEAD const t5_message *view; /* the host's, or `kept` */
    void *memory;                         /* that `kept` points into; NULL: it was not kept */
    t5_message kept;
};

static const t5_message *view_of(PyObject *self) {
    return ((struct message *)self)->view;
}

static PyObject **slots_of(PyObject *self) {
    return (PyObject **)((struct message *)self + 1);
}

#define SLOT_OFFSET(number) (sizeof(struct message) + (number) * sizeof(PyObject *))

/* Numbers of every message: where they are, and the flags that say that they are there. */
static const struct number {
    const char *name, *doc;
    size_t at;
    uint32_t flag;
} numbers[] = {
    {"price", "barData.close, else price; or None.", offsetof(t5_message, price),
     T5_MESSAGE_HAS_PRICE},
    {"volume", "Or None.", offsetof(t5_message, volume), T5_MESSAGE_HAS_VOLUME},
    {"open", "Or None.", offsetof(t5_message, open), T5_MESSAGE_HAS_OPEN},
    {"high", "Or None.", offsetof(t5_message, high), T5_MESSAGE_HAS_HIGH},
    {"low", "Or None.", offsetof(t5_message, low), T5_MESSAGE_HAS_LOW},
    {"close", "barData.close alone; or None.", offsetof(t5_message, close), T5_MESSAGE_HAS_CLOSE},
};
#define NUMBER_COUNT (sizeof numbers / sizeof *numbers)
#define SYMBOL_SLOT  NUMBER_COUNT
#define SLOT_COUNT   (NUMBER_COUNT + 1)

/* ---- to keep one ---- */

static char *copy_text(char *to, t5_str *text) {
    if (text->len > 0)
        memcpy(to, text->data, text->len);
    text->data = to;
    return to + text->len;
}

static size_t kept_size(const t5_message *message) {
    return message->symbol.len + message->key.len + message->payload.len + message->topic_name.len;
}

/* False: no memory. */
static int keep(struct message *self) {
    const t5_message *from = self->view;
    char *memory = malloc(kept_size(from) + 1);
    if (memory == NULL)
        return 0;
    self->memory = memory;
    self->kept = *from;
    self->kept.field_count = 0; /* their values are objects already */
    char *at = copy_text(memory, &self->kept.symbol);
    at = copy_text(at, &self->kept.key);
    at = copy_text(at, &self->kept.payload);
    (void)copy_text(at, &self->kept.topic_name);
    self->view = &self->kept;
    return 1;
}

/* Of one that could not be kept. */
static const t5_message nothing = {.size = sizeof nothing};

/* ---- slots ---- */

static PyObject *text_object(t5_str text) {
    return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
}

static int is_text(PyObject *object, t5_str text) {
    return object != NULL && PyUnicode_CheckExact(object) && PyUnicode_IS_COMPACT_ASCII(object) &&
           (size_t)PyUnicode_GET_LENGTH(object) == text.len &&
           memcmp(PyUnicode_DATA(object), text.data, text.len) == 0;
}

/* Takes the value, which is NULL with an exception. */
static int put(PyObject **slot, PyObject *value) {
    if (value == NULL)
        return -1;
    Py_XSETREF(*slot, value);
    return 0;
}

/* Nobody else can see an object that the slot alone has, so it may become another number. */
static int put_number(PyObject **slot, double number) {
    PyObject *before = *slot;
    if (before == NULL || !PyFloat_CheckExact(before) || Py_REFCNT(before) != 1)
        return put(slot, PyFloat_FromDouble(number));
    ((PyFloatObject *)before)->ob_fval = number;
    return 0;
}

static int put_value(PyObject **slot, const t5_value *value) {
    if (value->type == T5_VALUE_NUMBER)
        return put_number(slot, value->number);
    if (value->type == T5_VALUE_TEXT && is_text(*slot, t5_value_text(value)))
        return 0;
    return put(slot, message_value(value));
}

static int put_numbers(PyObject **slots, const t5_message *message) {
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        double number;
        memcpy(&number, (const char *)message + numbers[i].at, sizeof number);
        if ((message->flags & numbers[i].flag) == 0)
            Py_XSETREF(slots[i], Py_NewRef(Py_None));
        else if (put_number(&slots[i], number) != 0)
            return -1;
    }
    return 0;
}

static int has_room(struct message_symbols *symbols, uint32_t id) {
    if (id < symbols->count)
        return 1;
    const size_t count = 2 * (size_t)id + 64;
    PyObject **items = realloc(symbols->items, count * sizeof(*items));
    if (items == NULL)
        return 0;
    memset(items + symbols->count, 0, (count - symbols->count) * sizeof(*items));
    symbols->items = items;
    symbols->count = count;
    return 1;
}

/* An id may come to be another symbol's. */
static int put_symbol(PyObject **slot, struct message_symbols *symbols, const t5_message *message) {
    if (message->symbol_id == T5_NO_SYMBOL)
        return put(slot, text_object(message->symbol));
    if (!has_room(symbols, message->symbol_id))
        return put(slot, PyErr_NoMemory());
    PyObject **known = &symbols->items[message->symbol_id];
    if (!is_text(*known, message->symbol) && put(known, text_object(message->symbol)) != 0)
        return -1;
    if (*slot != *known)
        Py_XSETREF(*slot, Py_NewRef(*known));
    return 0;
}

static int put_slots(PyObject *self, const struct message_form *form,
                     struct message_symbols *symbols, const t5_message *message) {
    PyObject **slots = slots_of(self);
    if (form->fields == NULL)
        return 0;
    if (put_numbers(slots, message) != 0 || put_symbol(&slots[SYMBOL_SLOT], symbols, message) != 0)
        return -1;
    for (size_t i = 0; i < form->count; i++)
        if (put_value(&slots[SLOT_COUNT + i], t5_field(message, form->fields[i])) != 0)
            return -1;
    return 0;
}

void message_symbols_release(struct message_symbols *symbols) {
    for (size_t i = 0; i < symbols->count; i++)
        Py_XDECREF(symbols->items[i]);
    free(symbols->items);
    *symbols = (struct message_symbols){0};
}

/* ---- to lend one ---- */

PyObject *message_lend(const struct message_form *form, PyObject **spare,
                       struct message_symbols *symbols, const t5_message *message) {
    PyObject *object = *spare;
    *spare = NULL;
    if (object == NULL)
        object = form->type->tp_alloc(form->type, 0);
    if (object == NULL)
        return NULL;
    ((struct message *)object)->view = message;
    if (put_slots(object, form, symbols, message) != 0)
        Py_CLEAR(object);
    return object;
}

void message_end(PyObject *object, PyObject **spare) {
    struct message *self = (struct message *)object;
    if (Py_REFCNT(object) == 1) {
        self->view = &nothing;
        Py_XSETREF(*spare, object);
        return;
    }
    if (!keep(self))
        self->view = &nothing;
    Py_DECREF(object);
}

static void message_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    for (size_t i = 0; SLOT_OFFSET(i) < (size_t)type->tp_basicsize; i++)
        Py_XDECREF(slots_of(self)[i]);
    free(((struct message *)self)->memory);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- values ---- */

static PyObject *bytes_object(t5_str text) {
    return PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.len);
}

PyObject *message_value(const t5_value *value) {
    switch (value->type) {
    case T5_VALUE_BOOLEAN:
        return PyBool_FromLong((long)value->integer);
    case T5_VALUE_INTEGER:
        return PyLong_FromLongLong(value->integer);
    case T5_VALUE_NUMBER:
        return PyFloat_FromDouble(value->number);
    case T5_VALUE_TEXT:
        return text_object(t5_value_text(value));
    case T5_VALUE_JSON:
        return interpreter_call("loads", "(s#)", value->text, (Py_ssize_t)value->length);
    default:
        return Py_NewRef(Py_None);
    }
}

/* ---- confluent-kafka's form ---- */

static PyObject *kafka_key(PyObject *self, PyObject *none) {
    (void)none;
    return view_of(self)->flags & T5_MESSAGE_HAS_KEY ? bytes_object(view_of(self)->key)
                                                     : Py_NewRef(Py_None);
}

static PyObject *kafka_value(PyObject *self, PyObject *none) {
    (void)none;
    return bytes_object(view_of(self)->payload);
}

static PyObject *kafka_topic(PyObject *self, PyObject *none) {
    (void)none;
    return text_object(view_of(self)->topic_name);
}

static PyObject *kafka_partition(PyObject *self, PyObject *none) {
    (void)none;
    return PyLong_FromLong(view_of(self)->partition);
}

static PyObject *kafka_offset(PyObject *self, PyObject *none) {
    (void)none;
    return PyLong_FromLongLong(view_of(self)->offset);
}

static PyObject *kafka_timestamp(PyObject *self, PyObject *none) {
    (void)none;
    const t5_message *message = view_of(self);
    return message->flags & T5_MESSAGE_HAS_KAFKA_TIME
               ? Py_BuildValue("iL", TIMESTAMP_CREATE_TIME,
                               (long long)(message->kafka_time_ns / NS_PER_MS))
               : Py_BuildValue("iL", TIMESTAMP_NOT_AVAILABLE, -1LL);
}

static PyObject *kafka_none(PyObject *self, PyObject *none) {
    (void)self, (void)none;
    Py_RETURN_NONE;
}

static Py_ssize_t kafka_length(PyObject *self) {
    return (Py_ssize_t)view_of(self)->payload.len;
}

static PyMethodDef kafka_methods[] = {
    {"key", kafka_key, METH_NOARGS, "The record's key as bytes; None without one."},
    {"value", kafka_value, METH_NOARGS, "The record's value as bytes."},
    {"topic", kafka_topic, METH_NOARGS, "The Kafka topic's name."},
    {"partition", kafka_partition, METH_NOARGS, "The partition's number."},
    {"offset", kafka_offset, METH_NOARGS, "The record's offset."},
    {"timestamp", kafka_timestamp, METH_NOARGS, "(type, milliseconds since 1970)."},
    {"headers", kafka_none, METH_NOARGS, "None: take5 does not hand headers to strategies."},
    {"error", kafka_none, METH_NOARGS, "None: what is handed over is a message."},
    {"latency", kafka_none, METH_NOARGS, "None: it was not produced here."},
    {"leader_epoch", kafka_none, METH_NOARGS, "None: not known."},
    {NULL, NULL, 0, NULL},
};

/* ---- the host's form ---- */

static PyObject *get_topic(PyObject *self, void *closure) {
    (void)closure;
    return text_object(view_of(self)->topic_name);
}

static PyObject *get_partition(PyObject *self, void *closure) {
    (void)closure;
    return kafka_partition(self, NULL);
}

static PyObject *get_offset(PyObject *self, void *closure) {
    (void)closure;
    return kafka_offset(self, NULL);
}

static PyObject *get_key(PyObject *self, void *closure) {
    (void)closure;
    return kafka_key(self, NULL);
}

static PyObject *get_payload(PyObject *self, void *closure) {
    (void)closure;
    return bytes_object(view_of(self)->payload);
}

static PyObject *get_event_time(PyObject *self, void *closure) {
    (void)closure;
    return PyLong_FromLongLong(view_of(self)->event_time_ns);
}

static PyObject *get_kafka_time(PyObject *self, void *closure) {
    (void)closure;
    return view_of(self)->flags & T5_MESSAGE_HAS_KAFKA_TIME
               ? PyLong_FromLongLong(view_of(self)->kafka_time_ns)
               : Py_NewRef(Py_None);
}

static PyObject *get_time_frame(PyObject *self, void *closure) {
    (void)closure;
    return view_of(self)->flags & T5_MESSAGE_HAS_TIME_FRAME
               ? PyLong_FromUnsignedLong(view_of(self)->time_frame_s)
               : Py_NewRef(Py_None);
}

static PyObject *get_flag(PyObject *self, void *closure) {
    const uint32_t *flag = closure;
    return PyBool_FromLong((view_of(self)->flags & *flag) != 0);
}

static PyObject *native_json(PyObject *self, PyObject *none) {
    (void)none;
    const t5_str payload = view_of(self)->payload;
    return interpreter_call("loads", "(s#)", payload.data, (Py_ssize_t)payload.len);
}

static uint32_t time_suspect = T5_MESSAGE_TIME_SUSPECT, history = T5_MESSAGE_HISTORY,
                redrive = T5_MESSAGE_REDRIVE;

static PyGetSetDef native_members[] = {
    {"topic", get_topic, NULL, "The Kafka topic's name.", NULL},
    {"partition", get_partition, NULL, "The partition's number.", NULL},
    {"offset", get_offset, NULL, "The record's offset.", NULL},
    {"key", get_key, NULL, "The record's key as bytes; None without one.", NULL},
    {"payload", get_payload, NULL, "The record's value as bytes.", NULL},
    {"event_time_ns", get_event_time, NULL, "The time it is of, ns since 1970.", NULL},
    {"kafka_time_ns", get_kafka_time, NULL, "The record's timestamp, ns since 1970; or None.",
     NULL},
    {"time_frame_s", get_time_frame, NULL, "Its bar's length in seconds; or None.", NULL},
    {"is_time_suspect", get_flag, NULL, "Its event time is not to be trusted.", &time_suspect},
    {"is_history", get_flag, NULL, "It builds state; signals about it are dropped.", &history},
    {"is_redrive", get_flag, NULL, "It is a redriven dead letter.", &redrive},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef native_methods[] = {
    {"json", native_json, METH_NOARGS, "The whole document, by json.loads()."},
    {NULL, NULL, 0, NULL},
};

/* ---- the types ---- */

static PyTypeObject *kafka_type, *native_type;

#define TYPE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)

/* Of every message in the host's form. */
static PyMemberDef *slot_members(void) {
    static PyMemberDef members[SLOT_COUNT + 1];
    for (size_t i = 0; i < SLOT_COUNT; i++)
        members[i] = (PyMemberDef){
            .name = i == SYMBOL_SLOT ? "symbol" : numbers[i].name,
            .type = T_OBJECT_EX,
            .offset = (Py_ssize_t)SLOT_OFFSET(i),
            .flags = READONLY,
            .doc = i == SYMBOL_SLOT ? "What it is about; never empty." : numbers[i].doc,
        };
    return members;
}

int message_add_types(PyObject *module) {
    static PyType_Slot kafka_slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_methods, kafka_methods},
        {Py_sq_length, (void *)kafka_length},
        {Py_tp_doc, (void *)"A message in confluent-kafka's form."},
        {0, NULL},
    };
    PyType_Slot native_slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_methods, native_methods},
        {Py_tp_members, slot_members()},
        {Py_tp_getset, native_members},
        {Py_tp_doc, (void *)"A message, decoded. What it lacks is None."},
        {0, NULL},
    };
    static PyType_Spec kafka_spec = {"take5.KafkaMessage", sizeof(struct message), 0, TYPE_FLAGS,
                                     kafka_slots};
    PyType_Spec native_spec = {"take5.Message", (int)SLOT_OFFSET(SLOT_COUNT), 0,
                               TYPE_FLAGS | Py_TPFLAGS_BASETYPE, native_slots};
    kafka_type = (PyTypeObject *)PyType_FromSpec(&kafka_spec);
    native_type = (PyTypeObject *)PyType_FromSpec(&native_spec);
    if (kafka_type == NULL || native_type == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "KafkaMessage", (PyObject *)kafka_type) == 0 &&
                   PyModule_AddObjectRef(module, "Message", (PyObject *)native_type) == 0
               ? 0
               : -1;
}

/* What the attributes of a type of its own are called; ends with the type. */
struct members {
    PyMemberDef *defs; /* count and an empty one */
    char *names;
};

static void members_free(struct members *members) {
    free(members->defs);
    free(members->names);
    free(members);
}

static void members_end(PyObject *capsule) {
    members_free(PyCapsule_GetPointer(capsule, NULL));
}

static struct members *members_new(const struct message_field *fields, size_t count) {
    struct members *members = calloc(1, sizeof *members);
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(fields[i].name) + 1;
    if (members == NULL)
        return NULL;
    members->defs = calloc(count + 1, sizeof *members->defs);
    members->names = malloc(size);
    if (members->defs == NULL || members->names == NULL) {
        members_free(members);
        return NULL;
    }
    char *at = members->names;
    for (size_t i = 0; i < count; i++) {
        members->defs[i] = (PyMemberDef){.name = at,
                                         .type = T_OBJECT_EX,
                                         .offset = (Py_ssize_t)SLOT_OFFSET(SLOT_COUNT + i),
                                         .flags = READONLY,
                                         .doc = "A declared field; None unless it is there."};
        const size_t length = strlen(fields[i].name) + 1;
        memcpy(at, fields[i].name, length);
        at += length;
    }
    return members;
}

static PyTypeObject *native_type_with(const struct message_field *fields, size_t count) {
    struct members *members = members_new(fields, count);
    if (members == NULL)
        return (PyTypeObject *)PyErr_NoMemory();
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_members, members->defs},
        {0, NULL},
    };
    PyType_Spec spec = {"take5.Message", (int)SLOT_OFFSET(SLOT_COUNT + count), 0, TYPE_FLAGS,
                        slots};
    PyObject *type = PyType_FromSpecWithBases(&spec, (PyObject *)native_type);
    PyObject *owner = type != NULL ? PyCapsule_New(members, NULL, members_end) : NULL;
    if (owner == NULL || PyObject_SetAttrString(type, "_members", owner) != 0) {
        if (owner == NULL)
            members_free(members);
        Py_XDECREF(owner);
        Py_XDECREF(type);
        return NULL;
    }
    Py_DECREF(owner);
    ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE; /* `_members` has to stay */
    return (PyTypeObject *)type;
}

/* ---- forms ---- */

int message_kafka_form(struct message_form *form) {
    *form = (struct message_form){.type = (PyTypeObject *)Py_NewRef((PyObject *)kafka_type)};
    return 0;
}

int message_native_form(struct message_form *form, const struct message_field *fields,
                        size_t count) {
    *form = (struct message_form){.fields = calloc(count + 1, sizeof *form->fields)};
    if (form->fields == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        form->fields[i] = fields[i].index;
    form->count = count;
    form->type = native_type_with(fields, count);
    return form->type != NULL ? 0 : -1;
}

void message_form_release(struct message_form *form) {
    Py_XDECREF((PyObject *)form->type);
    free(form->fields);
    *form = (struct message_form){0};
}
