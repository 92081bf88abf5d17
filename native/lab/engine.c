// The engine's thread, the queue that feeds it and the pipe that carries its answers.
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/internal.h"
#include "record/clock.h"

#define PROGRESS_NS 50000000 // at most one progress line in this time
#define PIPE_BYTES  (1 << 20)

struct batch {
    struct batch *next;
    json_t *root; // {"id":…,"ops":[…]}
};

static struct engine {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch *first, **last;
    bool open;    // from mqoe_lab_open until the thread is done
    bool closing; // no batch is accepted any more
    int answers;  // write end of the pipe; the thread's own
    struct lab lab;
} engine = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

uint64_t mqoe_clock_monotonic(void) {
    return mqoe_clock(CLOCK_MONOTONIC);
}

// ---- answers ----

static void write_all(const char *text, size_t bytes) {
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = write(engine.answers, text + done, bytes - done);
        if (n < 0 && errno != EINTR)
            return; // the reader is gone: there is no one left to tell
        done += n > 0 ? (size_t)n : 0;
    }
}

// Writes one line and drops the reference; false when there is no line to write.
static bool answer(json_t *line) {
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (!text)
        return false;
    size_t bytes = strlen(text);
    text[bytes++] = '\n'; // in place of the terminator
    write_all(text, bytes);
    free(text);
    return true;
}

// Someone waits for each batch: when its answer cannot be made, this one needs no memory.
static void answer_no_memory(json_int_t id) {
    char text[256];
    int bytes = snprintf(text, sizeof text,
                         "{\"id\":%lld,\"ok\":false,\"error\":{\"op\":0,\"syscall\":\"malloc\",\"object\":"
                         "\"answer of the lab engine\",\"errno\":%d,\"code\":\"ENOMEM\",\"message\":"
                         "\"Cannot allocate memory\"},\"results\":[]}\n",
                         (long long)id, ENOMEM);
    write_all(text, (size_t)bytes);
}

// "File exists", and the kernel's or our own explanation behind it.
static json_t *error_object(const struct mqoe_error *e, size_t op) {
    const char *text = strerrordesc_np(e->errnum);
    json_t *message = json_sprintf(e->hint[0] ? "%s: %s" : "%s", text ? text : "unknown error", e->hint);
    return json_pack("{s:I, s:s, s:s, s:i, s:s, s:o}", "op", (json_int_t)op, "syscall", e->syscall, "object",
                     e->object, "errno", e->errnum, "code", mqoe_errno_name(e->errnum), "message", message);
}

// ---- one batch ----

static void report_progress(json_int_t id, size_t done, size_t of, uint64_t *last) {
    uint64_t now = mqoe_clock_monotonic();
    if (now - *last < PROGRESS_NS)
        return;
    *last = now;
    answer(json_pack("{s:I, s:I, s:I}", "id", id, "done", (json_int_t)done, "of", (json_int_t)of));
}

// Does the operations in order until one fails. Returns how many were done; results[] has one object for
// each.
static size_t do_operations(json_int_t id, json_t *ops, json_t *results) {
    uint64_t last_progress = mqoe_clock_monotonic();
    size_t of = json_array_size(ops), i;
    for (i = 0; i < of; i++) {
        json_t *result = json_object();
        if (lab_do(&engine.lab, json_array_get(ops, i), result) < 0) {
            json_decref(result);
            break;
        }
        json_array_append_new(results, result);
        report_progress(id, i + 1, of, &last_progress);
    }
    return i;
}

static void do_batch(json_t *root) {
    json_int_t id = json_integer_value(json_object_get(root, "id"));
    json_t *ops = json_object_get(root, "ops"), *results = json_array();
    size_t done = do_operations(id, ops, results);
    bool ok = done == json_array_size(ops);
    struct mqoe_error error = engine.lab.error;
    lab_settings_close(&engine.lab);
    // At rest the thread is at home, so that it keeps no namespace of a lab alive.
    if (lab_enter(&engine.lab, NULL) < 0 && ok) {
        ok = false;
        error = engine.lab.error;
    }
    json_t *line = ok ? json_pack("{s:I, s:b, s:o}", "id", id, "ok", 1, "results", results)
                      : json_pack("{s:I, s:b, s:o, s:o}", "id", id, "ok", 0, "error",
                                  error_object(&error, done), "results", results);
    if (!answer(line))
        answer_no_memory(id);
}

// ---- the thread ----

// The next batch; NULL when the engine is closing and everything queued is done.
static struct batch *take_batch(void) {
    pthread_mutex_lock(&engine.lock);
    while (!engine.first && !engine.closing)
        pthread_cond_wait(&engine.wake, &engine.lock);
    struct batch *b = engine.first;
    if (b && !(engine.first = b->next))
        engine.last = &engine.first;
    pthread_mutex_unlock(&engine.lock);
    return b;
}

static void *engine_thread(void *unused) {
    (void)unused;
    pthread_setname_np(pthread_self(), "mqoe-lab");
    for (struct batch *b; (b = take_batch());) {
        do_batch(b->root);
        json_decref(b->root);
        free(b);
    }
    lab_xdp_close(&engine.lab);
    lab_namespaces_done(&engine.lab);
    pthread_mutex_lock(&engine.lock);
    int answers = engine.answers;
    engine.open = false;
    pthread_mutex_unlock(&engine.lock);
    close(answers); // last: whoever reads end of file may open the engine again
    return NULL;
}

// Signals belong to the main thread, which knows what to do about them; SIGPIPE must be an EPIPE.
static int start_thread(void) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = pthread_create(&thread, &attributes, engine_thread, NULL);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static int open_locked(void) {
    int ends[2];
    if (engine.open)
        return -EBUSY;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[1], F_SETPIPE_SZ,
          PIPE_BYTES); // only a wish: a small pipe makes the thread wait for its reader
    memset(&engine.lab, 0, sizeof engine.lab);
    engine.first = NULL;
    engine.last = &engine.first;
    engine.closing = false;
    engine.answers = ends[1];
    int status = lab_namespaces_init(&engine.lab);
    if (status == 0 && (status = start_thread()) < 0)
        lab_namespaces_done(&engine.lab);
    if (status < 0) {
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    engine.open = true;
    return ends[0];
}

int mqoe_lab_open(void) {
    pthread_mutex_lock(&engine.lock);
    int result = open_locked();
    pthread_mutex_unlock(&engine.lock);
    return result;
}

// ---- the queue ----

static int parse_batch(const char *text, json_t **root) {
    *root = json_loads(text, 0, NULL);
    json_t *ops = json_object_get(*root, "ops");
    int status = !json_is_integer(json_object_get(*root, "id")) || !json_is_array(ops) ? -EINVAL
                 : json_array_size(ops) > LAB_BATCH                                    ? -E2BIG
                                                                                       : 0;
    if (status < 0)
        json_decref(*root);
    return status;
}

int mqoe_lab_submit(const char *text) {
    struct batch *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    int status = parse_batch(text, &b->root);
    if (status < 0) {
        free(b);
        return status;
    }
    pthread_mutex_lock(&engine.lock);
    bool accepted = engine.open && !engine.closing;
    if (accepted) {
        *engine.last = b;
        engine.last = &b->next;
        pthread_cond_signal(&engine.wake);
    }
    pthread_mutex_unlock(&engine.lock);
    if (accepted)
        return 0;
    json_decref(b->root);
    free(b);
    return -EBADF;
}

void mqoe_lab_close(void) {
    pthread_mutex_lock(&engine.lock);
    engine.closing = true;
    pthread_cond_signal(&engine.wake);
    pthread_mutex_unlock(&engine.lock);
}
