// For tests of programs that speak with their owner: one such process, its owner's three ends, and the folder
// that the test works in. Included after `folder`, the test's own template for mkdtemp.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// A process and its owner's ends.
struct run {
    pid_t pid;
    int to, from, said; // commands, answers, standard error
    char line[8192];
    size_t used;
};

static void in_folder(char *path, size_t size, const char *name) {
    snprintf(path, size, "%s/%s", folder, name);
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void tell(struct run *r, const char *line) {
    assert_int_equal(write(r->to, line, strlen(line)), strlen(line));
}

static int finish(struct run *r) {
    int status;
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    close(r->to);
    close(r->from);
    close(r->said);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
