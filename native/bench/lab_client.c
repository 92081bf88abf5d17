#include "bench/lab_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lab/lab.h"

#define BATCH 64u

static FILE *answers;
static json_int_t last_id;

int mqoe_lab_client_open(struct mqoe_error *e) {
    int fd = mqoe_lab_open();
    if (fd < 0)
        return mqoe_fail(e, -fd, "mqoe_lab_open", NULL, "lab engine");
    answers = fdopen(fd, "r");
    return answers ? 0 : mqoe_fail(e, errno, "fdopen", NULL, "lab engine");
}

void mqoe_lab_client_close(void) {
    mqoe_lab_close();
    if (answers)
        fclose(answers);
    answers = NULL;
}

// Reads answers up to the one that ends batch `id`.
static json_t *wait_for(json_int_t id) {
    for (;;) {
        json_t *answer = json_loadf(answers, JSON_DISABLE_EOF_CHECK, NULL);
        if (!answer ||
            (json_object_get(answer, "ok") && json_integer_value(json_object_get(answer, "id")) == id))
            return answer;
        json_decref(answer); // progress
    }
}

static int submit(json_t *ops, struct mqoe_error *e) {
    json_t *batch = json_pack("{s:I, s:o}", "id", ++last_id, "ops", ops);
    char *text = json_dumps(batch, JSON_COMPACT);
    json_decref(batch);
    int err = text ? mqoe_lab_submit(text) : -ENOMEM;
    free(text);
    if (err)
        return mqoe_fail(e, -err, "mqoe_lab_submit", NULL, "lab engine");
    json_t *answer = wait_for(last_id), *error = json_object_get(answer, "error");
    if (!answer)
        err = mqoe_fail(e, EPIPE, "read", NULL, "lab engine");
    else if (error)
        err = mqoe_fail(e, (int)json_integer_value(json_object_get(error, "errno")),
                        json_string_value(json_object_get(error, "syscall")),
                        json_string_value(json_object_get(error, "message")), "%s",
                        json_string_value(json_object_get(error, "object")));
    json_decref(answer);
    return err;
}

int mqoe_lab_client_do(json_t *ops, struct mqoe_error *e) {
    int err = 0;
    for (size_t from = 0; from < json_array_size(ops) && !err; from += BATCH) {
        json_t *some = json_array();
        for (size_t i = from; i < from + BATCH && i < json_array_size(ops); i++)
            json_array_append(some, json_array_get(ops, i));
        err = submit(some, e);
    }
    json_decref(ops);
    return err;
}
