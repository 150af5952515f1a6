/* The least that a loop can do: call_soon, futures, sleep and tasks, without anything that asyncio does beyond that.
 *
 * `python -m benches.loop_limit` compiles this and measures it beside the loops. There is no cancellation, no exception,
 * no current task, no debug mode, no polling, no thread, no garbage collection of cycles, no check of an argument, and one
 * context for all callbacks. What is left is what no loop can leave out: callbacks and steps run in a context, a callback
 * has a handle, who waits for a future is woken in the next turn, timers are sorted and the clock is read for each sleep.
 * So this is faster than any loop can be; what it needs beyond its own few hundred instructions is the interpreter's.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <time.h>

typedef struct Task {
    PyObject *coroutine;
    PyObject *context;
} Task;

typedef struct Future {
    PyObject_HEAD
    Task *waiter;
    PyObject *result; /* NULL: pending. */
} Future;

typedef struct {
    PyObject_HEAD
    PyObject *callback;
} Handle;

/* One entry of the ready ring. Only one of the pointers is set, but for a woken task, which keeps its future. */
typedef struct {
    Handle *handle;
    Task *task;
    Future *future;
} Ready;

typedef struct {
    double when;
    unsigned long long arrival;
    Future *future;
} Timer;

static Ready *ring;
static size_t ring_mask, ring_first, ring_count;
static Timer *heap;
static size_t heap_count, heap_room;
static unsigned long long arrivals;
static Py_ssize_t unfinished;
static PyObject *context_of_callbacks;

#define KEPT 12000
static Handle *kept_handles[KEPT];
static Future *kept_futures[KEPT];
static size_t handles_kept, futures_kept;

static inline void push(Ready ready) {
    if (ring_count > ring_mask || !ring) {
        size_t room = ring ? (ring_mask + 1) * 2 : 1024;
        Ready *larger = malloc(room * sizeof *larger);
        for (size_t i = 0; i < ring_count; i++) larger[i] = ring[(ring_first + i) & ring_mask];
        free(ring);
        ring = larger, ring_mask = room - 1, ring_first = 0;
    }
    ring[(ring_first + ring_count++) & ring_mask] = ready;
}

static inline double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static inline int earlier(const Timer *a, const Timer *b) {
    return a->when < b->when || (a->when == b->when && a->arrival < b->arrival);
}

static void insert_timer(double when, Future *future) {
    if (heap_count == heap_room) heap = realloc(heap, (heap_room = heap_room ? heap_room * 2 : 1024) * sizeof *heap);
    Timer timer = {when, arrivals++, future};
    size_t place = heap_count++;
    while (place && earlier(&timer, &heap[(place - 1) / 4])) {
        heap[place] = heap[(place - 1) / 4];
        place = (place - 1) / 4;
    }
    heap[place] = timer;
}

static Future *pop_timer(void) {
    Future *first = heap[0].future;
    Timer last = heap[--heap_count];
    size_t place = 0;
    for (;;) {
        size_t child = place * 4 + 1, end = child + 4 < heap_count ? child + 4 : heap_count;
        if (child >= heap_count) break;
        for (size_t other = child + 1; other < end; other++)
            if (earlier(&heap[other], &heap[child])) child = other;
        if (!earlier(&heap[child], &last)) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
    return first;
}

/* Handle */

static void handle_dealloc(Handle *self) {
    Py_XDECREF(self->callback);
    if (handles_kept < KEPT) kept_handles[handles_kept++] = self;
    else PyObject_Free(self);
}

static PyTypeObject handle_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "loop_limit.Handle", .tp_basicsize = sizeof(Handle), .tp_dealloc = (destructor)handle_dealloc,
};

static PyObject *call_soon(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Handle *handle;
    if (handles_kept) handle = kept_handles[--handles_kept], Py_SET_REFCNT(handle, 1);
    else handle = PyObject_New(Handle, &handle_type);
    handle->callback = Py_NewRef(args[0]);
    push((Ready){.handle = (Handle *)Py_NewRef(handle)});
    return (PyObject *)handle;
}

/* Future */

static void future_dealloc(Future *self) {
    Py_XDECREF(self->result);
    if (futures_kept < KEPT) kept_futures[futures_kept++] = self;
    else PyObject_Free(self);
}

static PyObject *itself(PyObject *self) { return Py_NewRef(self); }

static PyObject *future_next(Future *self) {
    if (self->result) return NULL; /* The end of the await, with None. */
    return Py_NewRef(self);
}

static void finish(Future *self) {
    self->result = Py_NewRef(Py_None);
    if (self->waiter) push((Ready){.task = self->waiter, .future = (Future *)Py_NewRef(self)});
    self->waiter = NULL;
}

static PyObject *set_result(Future *self, PyObject *result) {
    finish(self);
    Py_RETURN_NONE;
}

static PyMethodDef future_methods[] = {{"set_result", (PyCFunction)set_result, METH_O, NULL}, {NULL}};
static PyAsyncMethods future_async = {.am_await = itself};
static PyTypeObject future_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "loop_limit.Future", .tp_basicsize = sizeof(Future), .tp_dealloc = (destructor)future_dealloc,
    .tp_methods = future_methods, .tp_as_async = &future_async, .tp_iter = itself, .tp_iternext = (iternextfunc)future_next,
};

static inline Future *new_future(void) {
    Future *future;
    if (futures_kept) future = kept_futures[--futures_kept], Py_SET_REFCNT(future, 1);
    else future = PyObject_New(Future, &future_type);
    future->waiter = NULL;
    future->result = NULL;
    return future;
}

static PyObject *create_future(PyObject *module, PyObject *ignored) { return (PyObject *)new_future(); }

/* The sleep is the future itself: there is no object between. */
static PyObject *limit_sleep(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Future *future = new_future();
    insert_timer(now() + PyFloat_AS_DOUBLE(args[0]), (Future *)Py_NewRef(future));
    return (PyObject *)future;
}

/* Tasks, and the loop */

static PyObject *create_task(PyObject *module, PyObject *coroutine) {
    Task *task = malloc(sizeof *task);
    task->coroutine = Py_NewRef(coroutine);
    task->context = PyContext_CopyCurrent();
    unfinished++;
    push((Ready){.task = task});
    Py_RETURN_NONE;
}

static void step(Task *task) {
    PyObject *yielded = NULL;
    PyContext_Enter(task->context);
    PySendResult outcome = PyIter_Send(task->coroutine, Py_None, &yielded);
    PyContext_Exit(task->context);
    if (outcome == PYGEN_NEXT) {
        ((Future *)yielded)->waiter = task;
        Py_DECREF(yielded);
        return;
    }
    if (outcome == PYGEN_ERROR) PyErr_Print();
    Py_XDECREF(yielded);
    Py_DECREF(task->coroutine);
    Py_DECREF(task->context);
    free(task);
    unfinished--;
}

static void run_handle(Handle *handle) {
    PyContext_Enter(context_of_callbacks);
    Py_XDECREF(PyObject_CallNoArgs(handle->callback));
    PyContext_Exit(context_of_callbacks);
    Py_DECREF(handle);
}

/* Runs until all tasks are finished and all callbacks have run. */
static PyObject *run(PyObject *module, PyObject *ignored) {
    while (ring_count || unfinished) {
        double time = heap_count ? now() : 0;
        if (!ring_count && heap_count && heap[0].when > time) {
            double left = heap[0].when - time;
            struct timespec pause = {(time_t)left, (long)((left - (time_t)left) * 1e9)};
            nanosleep(&pause, NULL);
            continue;
        }
        size_t due = 0;
        for (; heap_count && heap[0].when <= time; due++) push((Ready){.future = pop_timer()});
        for (size_t left = ring_count; left; left--) {
            Ready ready = ring[ring_first];
            ring_first = (ring_first + 1) & ring_mask;
            ring_count--;
            if (ready.handle) run_handle(ready.handle);
            else if (!ready.task) finish(ready.future), Py_DECREF(ready.future);
            else {
                Py_XDECREF(ready.future);
                step(ready.task);
            }
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"call_soon", (PyCFunction)(void *)call_soon, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"sleep", (PyCFunction)(void *)limit_sleep, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"create_future", create_future, METH_NOARGS, NULL},
    {"create_task", create_task, METH_O, NULL},
    {"run", run, METH_NOARGS, NULL},
    {NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "loop_limit", NULL, -1, functions};

PyMODINIT_FUNC PyInit_loop_limit(void) {
    if (PyType_Ready(&handle_type) < 0 || PyType_Ready(&future_type) < 0) return NULL;
    context_of_callbacks = PyContext_New();
    return PyModule_Create(&definition);
}
