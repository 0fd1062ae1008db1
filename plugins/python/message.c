#include "message.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS               INT64_C(1000000)
/* What confluent-kafka calls them. */
#define TIMESTAMP_NOT_AVAILABLE 0
#define TIMESTAMP_CREATE_TIME   1

struct message {
    PyObject_HEAD const t5_message *view; /* the host's, or `kept` */
    void *memory;                         /* that `kept` points into; NULL: it was not kept */
    t5_message kept;
};

static const t5_message *view_of(PyObject *self) {
    return ((struct message *)self)->view;
}

/* ---- to keep one ---- */

static char *copy_text(char *to, t5_str *text) {
    if (text->len > 0)
        memcpy(to, text->data, text->len);
    text->data = to;
    return to + text->len;
}

static int has_text(const t5_value *value) {
    return value->type == T5_VALUE_TEXT || value->type == T5_VALUE_JSON;
}

static size_t kept_size(const t5_message *message) {
    size_t size =
        message->symbol.len + message->key.len + message->payload.len + message->topic_name.len;
    size += message->field_count * (sizeof(t5_value) + sizeof(uint32_t));
    for (uint32_t i = 0; i < message->field_count; i++)
        size += has_text(t5_field(message, i)) ? t5_field(message, i)->length : 0;
    return size;
}

/* Values first, since they are aligned; then their indices, then texts. */
static char *copy_fields(t5_message *to, const t5_message *from, char *memory) {
    t5_value *values = (t5_value *)(void *)memory;
    uint32_t *slots = (uint32_t *)(void *)(values + from->field_count);
    char *text = (char *)(slots + from->field_count);
    for (uint32_t i = 0; i < from->field_count; i++) {
        values[i] = *t5_field(from, i);
        slots[i] = i;
        if (has_text(&values[i])) {
            memcpy(text, values[i].text, values[i].length);
            values[i].text = text;
            text += values[i].length;
        }
    }
    to->slots = values;
    to->field_slots = slots;
    return text;
}

/* False: no memory. */
static int keep(struct message *self) {
    const t5_message *from = self->view;
    char *memory = malloc(kept_size(from) + 1);
    if (memory == NULL)
        return 0;
    self->memory = memory;
    self->kept = *from;
    char *at = copy_fields(&self->kept, from, memory);
    at = copy_text(at, &self->kept.symbol);
    at = copy_text(at, &self->kept.key);
    at = copy_text(at, &self->kept.payload);
    (void)copy_text(at, &self->kept.topic_name);
    self->view = &self->kept;
    return 1;
}

/* Of one that could not be kept. */
static const t5_message nothing = {.size = sizeof nothing};

PyObject *message_lend(PyTypeObject *type, PyObject **spare, const t5_message *message) {
    PyObject *object = *spare;
    *spare = NULL;
    if (object == NULL)
        object = type->tp_alloc(type, 0);
    if (object != NULL)
        ((struct message *)object)->view = message;
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
    free(((struct message *)self)->memory);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- values ---- */

static PyObject *text_object(t5_str text) {
    return PyUnicode_DecodeUTF8(text.data, (Py_ssize_t)text.len, "replace");
}

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

static PyObject *get_symbol(PyObject *self, void *closure) {
    (void)closure;
    return text_object(view_of(self)->symbol);
}

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

/* A number of the envelope: where it is, and the flag that says that it is there. */
struct number {
    size_t at;
    uint32_t flag;
};

static PyObject *get_number(PyObject *self, void *closure) {
    const struct number *number = closure;
    const t5_message *message = view_of(self);
    double value;
    if ((message->flags & number->flag) == 0)
        Py_RETURN_NONE;
    memcpy(&value, (const char *)message + number->at, sizeof value);
    return PyFloat_FromDouble(value);
}

static PyObject *get_flag(PyObject *self, void *closure) {
    const uint32_t *flag = closure;
    return PyBool_FromLong((view_of(self)->flags & *flag) != 0);
}

static PyObject *get_field(PyObject *self, void *closure) {
    return message_value(t5_field(view_of(self), (uint32_t)(uintptr_t)closure));
}

static PyObject *native_json(PyObject *self, PyObject *none) {
    (void)none;
    const t5_str payload = view_of(self)->payload;
    return interpreter_call("loads", "(s#)", payload.data, (Py_ssize_t)payload.len);
}

static struct number price = {offsetof(t5_message, price), T5_MESSAGE_HAS_PRICE},
                     volume = {offsetof(t5_message, volume), T5_MESSAGE_HAS_VOLUME},
                     open = {offsetof(t5_message, open), T5_MESSAGE_HAS_OPEN},
                     high = {offsetof(t5_message, high), T5_MESSAGE_HAS_HIGH},
                     low = {offsetof(t5_message, low), T5_MESSAGE_HAS_LOW},
                     close_price = {offsetof(t5_message, close), T5_MESSAGE_HAS_CLOSE};
static uint32_t time_suspect = T5_MESSAGE_TIME_SUSPECT, history = T5_MESSAGE_HISTORY,
                redrive = T5_MESSAGE_REDRIVE;

static PyGetSetDef native_members[] = {
    {"symbol", get_symbol, NULL, "What it is about; never empty.", NULL},
    {"topic", get_topic, NULL, "The Kafka topic's name.", NULL},
    {"partition", get_partition, NULL, "The partition's number.", NULL},
    {"offset", get_offset, NULL, "The record's offset.", NULL},
    {"key", get_key, NULL, "The record's key as bytes; None without one.", NULL},
    {"payload", get_payload, NULL, "The record's value as bytes.", NULL},
    {"event_time_ns", get_event_time, NULL, "The time it is of, ns since 1970.", NULL},
    {"kafka_time_ns", get_kafka_time, NULL, "The record's timestamp, ns since 1970; or None.",
     NULL},
    {"time_frame_s", get_time_frame, NULL, "Its bar's length in seconds; or None.", NULL},
    {"price", get_number, NULL, "barData.close, else price; or None.", &price},
    {"volume", get_number, NULL, "Or None.", &volume},
    {"open", get_number, NULL, "Or None.", &open},
    {"high", get_number, NULL, "Or None.", &high},
    {"low", get_number, NULL, "Or None.", &low},
    {"close", get_number, NULL, "barData.close alone; or None.", &close_price},
    {"is_time_suspect", get_flag, NULL, "Its event time is not to be trusted.", &time_suspect},
    {"is_history", get_flag, NULL, "It builds state; signals about it are dropped.", &history},
    {"is_redrive", get_flag, NULL, "It is a dead letter given once more.", &redrive},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyMethodDef native_methods[] = {
    {"json", native_json, METH_NOARGS, "The whole document, by json.loads()."},
    {NULL, NULL, 0, NULL},
};

/* ---- the types ---- */

static PyTypeObject *kafka_type, *native_type;

#define TYPE_FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION)

int message_add_types(PyObject *module) {
    static PyType_Slot kafka_slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_methods, kafka_methods},
        {Py_sq_length, (void *)kafka_length},
        {Py_tp_doc, (void *)"A message in confluent-kafka's form."},
        {0, NULL},
    };
    static PyType_Slot native_slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_methods, native_methods},
        {Py_tp_getset, native_members},
        {Py_tp_doc, (void *)"A message, decoded. What it lacks is None."},
        {0, NULL},
    };
    static PyType_Spec kafka_spec = {"take5.KafkaMessage", sizeof(struct message), 0, TYPE_FLAGS,
                                     kafka_slots};
    static PyType_Spec native_spec = {"take5.Message", sizeof(struct message), 0,
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

PyTypeObject *message_kafka_type(void) {
    return (PyTypeObject *)Py_NewRef((PyObject *)kafka_type);
}

/* What the attributes of a type of its own point to; ends with the type. */
struct members {
    PyGetSetDef *defs; /* count and an empty one */
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
        members->defs[i] = (PyGetSetDef){.name = at,
                                         .get = get_field,
                                         .doc = "A declared field; None unless it is there.",
                                         .closure = (void *)(uintptr_t)fields[i].index};
        const size_t length = strlen(fields[i].name) + 1;
        memcpy(at, fields[i].name, length);
        at += length;
    }
    return members;
}

PyTypeObject *message_native_type(const struct message_field *fields, size_t count) {
    struct members *members = members_new(fields, count);
    if (members == NULL)
        return (PyTypeObject *)PyErr_NoMemory();
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)message_dealloc},
        {Py_tp_getset, members->defs},
        {0, NULL},
    };
    PyType_Spec spec = {"take5.Message", sizeof(struct message), 0, TYPE_FLAGS, slots};
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
