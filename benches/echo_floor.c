/* What an echo server in Python costs without a loop: a mark for `benches/cases/echo.py`.
 *
 * It is `echo_limit.c` with the interpreter in it: what arrives becomes new `bytes`, the program's own method or coroutine
 * is called in a context, and what that writes is sent at once. There is nothing else of a loop: no timers, no callbacks,
 * no tasks, no buffer for what cannot be sent (it is waited for), no flow control, no end of a connection that the program
 * is told, no error of a socket, no look at whether anything was overridden. What it needs beyond `echo_limit.c` is the
 * interpreter's; a loop can save of that only the memory, by taking that of an earlier message.
 */
#define WITH_PYTHON
#include "echo_limit.c"

/* A connection, or a socket for datagrams: the transport of a protocol, or reader and writer of a coroutine. */
typedef struct {
    PyObject_HEAD
    int fd;
    int reads; /* The coroutine waits for data, not for `drain()`. */
    PyObject *received;
    PyObject *coroutine;
    PyObject *receive; /* The method of the protocol. */
    PyObject *host_and_port; /* Of `address`. */
    struct sockaddr_in address;
} Transport;

static PyObject *program;
static int is_coroutine;
static PyObject *context;
static Transport *transports[MOST_FDS];

static void check_python(const void *result) {
    if (result) return;
    PyErr_Print();
    exit(1);
}

static PyObject *transport_write(Transport *self, PyObject *bytes) {
    send_all(self->fd, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    Py_RETURN_NONE;
}

/* To where the datagram came from that is being received. */
static PyObject *transport_sendto(Transport *self, PyObject *const *args, Py_ssize_t count) {
    (void)count;
    sendto(self->fd, PyBytes_AS_STRING(args[0]), PyBytes_GET_SIZE(args[0]), MSG_DONTWAIT,
           (struct sockaddr *)&self->address, sizeof self->address);
    Py_RETURN_NONE;
}

static PyObject *transport_read(Transport *self, PyObject *size) {
    (void)size;
    self->reads = 1;
    return Py_NewRef(self);
}

static PyObject *transport_drain(Transport *self, PyObject *nothing) {
    (void)nothing;
    self->reads = 0;
    return Py_NewRef(self);
}

static PyObject *itself(PyObject *self) { return Py_NewRef(self); }

/* What ends an await with a value: made once, as making one is avoidable. */
static PyStopIterationObject *stop_iteration;

static PyObject *transport_next(Transport *self) {
    if (!self->reads) return NULL; /* The end of the await, with None. */
    if (!self->received) return Py_NewRef(Py_None);
    Py_XSETREF(stop_iteration->value, self->received);
    self->received = NULL;
#if PY_VERSION_HEX < 0x030C0000
    PyErr_SetObject(PyExc_StopIteration, (PyObject *)stop_iteration);
#else
    PyErr_SetRaisedException(Py_NewRef(stop_iteration));
#endif
    return NULL;
}

static PyMethodDef transport_methods[] = {
    {"write", (PyCFunction)transport_write, METH_O, NULL},
    {"sendto", (PyCFunction)(void (*)(void))transport_sendto, METH_FASTCALL, NULL},
    {"read", (PyCFunction)transport_read, METH_O, NULL},
    {"drain", (PyCFunction)transport_drain, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyAsyncMethods transport_await = {.am_await = itself};

static PyTypeObject transport_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "echo_floor.Transport", .tp_basicsize = sizeof(Transport), .tp_methods = transport_methods,
    .tp_as_async = &transport_await, .tp_iter = itself, .tp_iternext = (iternextfunc)transport_next,
};

static void step(Transport *transport) {
    PyObject *result;
    if (PyIter_Send(transport->coroutine, Py_None, &result) == PYGEN_ERROR) check_python(NULL);
    Py_DECREF(result);
}

static void begin_program(int fd, const char *receive) {
    if (fd >= MOST_FDS) exit(1);
    Transport *transport = transports[fd] = PyObject_New(Transport, &transport_type);
    *transport = (Transport){.ob_base = transport->ob_base, .fd = fd};
    if (is_coroutine) {
        check_python(transport->coroutine = PyObject_CallFunctionObjArgs(program, transport, transport, NULL));
        step(transport);
        return;
    }
    PyObject *protocol = PyObject_CallNoArgs(program);
    check_python(protocol);
    PyObject *result = PyObject_CallMethod(protocol, "connection_made", "O", transport);
    check_python(result);
    Py_DECREF(result);
    check_python(transport->receive = PyObject_GetAttrString(protocol, receive));
    Py_DECREF(protocol);
}

static void prepare(char **arguments) {
    (void)arguments;
    check_python(context = PyContext_CopyCurrent());
    stop_iteration = (PyStopIterationObject *)PyObject_CallNoArgs(PyExc_StopIteration);
    check_python(stop_iteration);
}

static void begin(int fd) { begin_program(fd, "data_received"); }

static void end(int fd) {
    Transport *transport = transports[fd];
    Py_CLEAR(transport->receive);
    Py_CLEAR(transport->coroutine);
    Py_DECREF(transport);
}

static int echo(int fd, char *data, int size) {
    Transport *transport = transports[fd];
    ssize_t received = recv(fd, data, size, 0);
    if (received <= 0) {
        end(fd);
        return 0;
    }
    PyObject *bytes = PyBytes_FromStringAndSize(data, received);
    check_python(bytes);
    PyContext_Enter(context);
    if (is_coroutine) {
        transport->received = bytes;
        step(transport);
    } else {
        PyObject *result = PyObject_CallOneArg(transport->receive, bytes);
        check_python(result);
        Py_DECREF(result);
        Py_DECREF(bytes);
    }
    PyContext_Exit(context);
    return 1;
}

static void echo_datagrams(int fd, char *data, int size) {
    if (!transports[fd]) begin_program(fd, "datagram_received");
    Transport *transport = transports[fd];
    for (;;) {
        struct sockaddr_in from = {0};
        socklen_t length = sizeof from;
        ssize_t received = recvfrom(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (received < 0) return;
        if (!transport->host_and_port || memcmp(&from, &transport->address, sizeof from)) {
            transport->address = from;
            Py_XSETREF(transport->host_and_port,
                       Py_BuildValue("(si)", inet_ntoa(from.sin_addr), ntohs(from.sin_port)));
        }
        PyObject *bytes = PyBytes_FromStringAndSize(data, received);
        check_python(bytes);
        PyContext_Enter(context);
        PyObject *result =
            PyObject_Vectorcall(transport->receive, (PyObject *[]){bytes, transport->host_and_port}, 2, NULL);
        PyContext_Exit(context);
        check_python(result);
        Py_DECREF(result);
        Py_DECREF(bytes);
    }
}

/* serve(program, is_coroutine, where): echoes until the telling connection ends. `program` makes a protocol, or a coroutine
 * of a reader and a writer. */
static PyObject *module_serve(PyObject *module, PyObject *args) {
    const char *where;
    (void)module;
    if (!PyArg_ParseTuple(args, "Opz", &program, &is_coroutine, &where)) return NULL;
    return PyLong_FromLong(serve((char *[]){"", (char *)where, NULL}));
}

static PyMethodDef methods[] = {{"serve", module_serve, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "echo_floor", .m_methods = methods};

PyMODINIT_FUNC PyInit_echo_floor(void) {
    if (PyType_Ready(&transport_type) < 0) return NULL;
    return PyModule_Create(&definition);
}
