// The launcher of `mqoe-native guest` with shell scripts for a kernel: what it passes on, and what it leaves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/follow.h"
#include "guest/guest.h"
#include "reactor/json.h"

int mqoe_guest_main(int argc, char **argv);

#define PATIENCE 10000   // ms that a test waits for a line before it fails
#define NOBODY   4194304 // never a PID: the kernel's limit is below

static char folder[] = "/tmp/mqoe-launcher-XXXXXX";

#include "test/owned.h"

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

// A library that the dynamic linker takes without a word: one that this program has anyway.
static const char *some_library(void) {
    static char path[PATH_MAX];
    Dl_info info;
    assert_true(dladdr((void *)json_loads, &info) && info.dli_fname && realpath(info.dli_fname, path));
    return path;
}

// `script` finds the launcher's folder in $scratch, the two files that a guest speaks through there, and what
// was to be preloaded in $preload and $library.
static void write_kernel(char *path, size_t size, const char *script) {
    in_folder(path, size, "kernel");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f,
            "#!/bin/sh\nscratch=$(pwd -P); preload=$LD_PRELOAD; library=$(readlink $LD_PRELOAD); unset "
            "LD_PRELOAD\n"
            "lines=$scratch/out/lines; words=$scratch/out/words; cd %s\n%s\n",
            folder, script);
    fchmod(fileno(f), 0755);
    assert_int_equal(fclose(f), 0);
}

static struct run launch_with(const char *script, const char *preload) {
    int in[2], out[2], err[2];
    char kernel[128];
    write_kernel(kernel, sizeof kernel, script);
    char *words[] = {"guest", "--kernel", kernel, "--memory",  "128",    "--memory-folder",
                     folder,  "--run",    folder, "--preload", NULL,     "--seed",
                     "1",     "--cpu",    "-1",   "--request", "x.json", NULL};
    words[10] = (char *)preload;
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); // a test that fails leaves nothing behind
        close(in[1]);
        close(out[0]);
        close(err[0]);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        _exit(mqoe_guest_main(17, words));
    }
    assert_true(pid > 0);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return (struct run){.pid = pid, .to = in[1], .from = out[0], .said = err[0]};
}

static struct run launch(const char *script) {
    return launch_with(script, some_library());
}

// The next line of standard output, without its end; false at the end.
static bool next_line(struct run *r, char *line, size_t size) {
    for (;;) {
        char *end = memchr(r->line, '\n', r->used);
        if (end) {
            snprintf(line, size, "%.*s", (int)(end - r->line), r->line);
            r->used -= (size_t)(end + 1 - r->line);
            memmove(r->line, end + 1, r->used);
            return true;
        }
        struct pollfd wait = {r->from, POLLIN, 0};
        if (poll(&wait, 1, PATIENCE) <= 0)
            fail_msg("no line within %d ms", PATIENCE);
        ssize_t n = read(r->from, r->line + r->used, sizeof r->line - r->used);
        assert_true(n >= 0);
        if (n == 0) {
            assert_int_equal(r->used, 0); // whole lines only
            return false;
        }
        r->used += (size_t)n;
    }
}

static void expect_line(struct run *r, const char *text) {
    char line[1024];
    assert_true(next_line(r, line, sizeof line));
    assert_string_equal(line, text);
}

// Folders of the launcher `pid` in /tmp.
static int folders_of(pid_t pid) {
    char prefix[32];
    int found = 0;
    snprintf(prefix, sizeof prefix, "mqoe-guest-%07d-", pid);
    DIR *d = opendir("/tmp");
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        found += !strncmp(entry->d_name, prefix, strlen(prefix));
    closedir(d);
    return found;
}

static pid_t pid_in(const char *name) {
    char path[128], text[32] = "";
    in_folder(path, sizeof path, name);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    close(fd);
    unlink(path);
    return (pid_t)atoi(text);
}

// ---- what it passes on ----

static void lines_are_passed_on_whole(void **state) {
    (void)state;
    char line[256], said[256];
    struct run r =
        launch("printf '{\"event\":\"booted\"}\\n{\"event\":\"half' >>$lines; printf 'word' >>$words\n"
               "while [ ! -e go ]; do sleep 0.05; done\n"
               "printf ' and half\"}\\n{\"event\":\"never whole' >>$lines; printf 's\\nlast' >>$words");
    expect_line(&r, "{\"event\":\"booted\"}");
    tell(&r, "{\"op\":\"running\"}\n"); // the launcher's own word does not land in the middle of the guest's
    assert_true(next_line(&r, line, sizeof line));
    assert_non_null(strstr(line, "no management console"));
    in_folder(said, sizeof said, "go");
    close(open(said, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    expect_line(&r, "{\"event\":\"half and half\"}");
    expect_line(&r, "{\"event\":\"ended\",\"code\":0,\"signal\":0}");
    assert_false(next_line(&r, line, sizeof line));
    ssize_t n = read(r.said, line, sizeof line - 1);
    line[n > 0 ? n : 0] = '\0';
    assert_string_equal(line, "words\nlast\n");
    assert_int_equal(finish(&r), 0);
    assert_int_equal(folders_of(r.pid), 0);
    unlink(said);
}

static void a_reader_that_does_not_wait_gets_every_line(void **state) {
    (void)state;
    struct mqoe_error e;
    struct guest_follow f;
    char path[128], byte, last = 0;
    int ends[2], lines = 0;
    in_folder(path, sizeof path, "many");
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(guest_follow_open(&f, path, ends[1], &e), 0);
    FILE *to = fopen(path, "a");
    for (int i = 0; i < 50000; i++) // more than a pipe holds
        fprintf(to, "line %d\n", i);
    fclose(to);
    pid_t pid = fork();
    if (pid == 0) {
        guest_follow_end(&f, false);
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t n = 1; n != 0;) {
        struct pollfd wait = {ends[0], POLLIN, 0};
        assert_true(poll(&wait, 1, PATIENCE) > 0);
        while ((n = read(ends[0], &byte, 1)) == 1) {
            lines += byte == '\n';
            last = byte;
        }
    }
    assert_int_equal(lines, 50000);
    assert_int_equal(last, '\n');
    waitpid(pid, NULL, 0);
    close(ends[0]);
    f.to = -1;
    guest_follow_close(&f);
}

static void a_gone_reader_keeps_nothing_from_the_other(void **state) {
    (void)state;
    char said[64] = "";
    struct run r = launch("while [ ! -e go ]; do sleep 0.05; done; echo one >>$lines; sleep 0.2\n"
                          "echo two >>$lines; echo a word >>$words; sleep 0.2; exit 3");
    close(r.from);
    r.from = -1;
    in_folder(said, sizeof said, "go");
    close(open(said, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    struct pollfd wait = {r.said, POLLIN, 0};
    assert_true(poll(&wait, 1, PATIENCE) > 0);
    unlink(said);
    memset(said, 0, sizeof said);
    assert_true(read(r.said, said, sizeof said - 1) > 0);
    assert_string_equal(said, "a word\n");
    assert_int_equal(finish(&r), 0);
}

static void a_line_without_end_comes_in_pieces(void **state) {
    (void)state;
    struct mqoe_error e;
    struct guest_follow f;
    char path[128], to[128];
    in_folder(path, sizeof path, "long");
    in_folder(to, sizeof to, "pieces");
    int pieces = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(guest_follow_open(&f, path, pieces, &e), 0);
    assert_int_equal(truncate(path, GUEST_LINE_MOST + 10), 0);
    guest_follow_end(&f, true);
    assert_int_equal(lseek(pieces, 0, SEEK_END), GUEST_LINE_MOST + 12);
    char byte;
    assert_true(pread(pieces, &byte, 1, GUEST_LINE_MOST) == 1 && byte == '\n');
    close(pieces);
    guest_follow_close(&f);
}

// ---- what it starts with ----

static void the_kernel_gets_the_same_words_in_every_run(void **state) {
    (void)state;
    char line[1024], core[64];
    struct run r = launch("echo $preload >>$lines; echo $library >>$lines; readlink $scratch/run >>$lines\n"
                          "echo $scratch >>$lines; ulimit -c >>$lines; echo \"$*\" >>$lines");
    expect_line(&r, GUEST_SCRATCH "/entropy.so");
    expect_line(&r, some_library());
    expect_line(&r, folder);
    assert_true(next_line(&r, line, sizeof line));
    snprintf(core, sizeof core, "/tmp/mqoe-guest-%07d-", r.pid);
    assert_memory_equal(line, core, strlen(core));
    assert_int_equal(strlen(line), strlen("/tmp/mqoe-guest-1234567-XXXXXX"));
    expect_line(&r, "0"); // a panic aborts: no core of the guest's whole memory
    assert_true(next_line(&r, line, sizeof line));
    assert_null(strstr(line, "/tmp/")); // the kernel's random numbers begin with its command line
    assert_non_null(strstr(line, "init=" GUEST_SCRATCH "/init "));
    expect_line(&r, "{\"event\":\"ended\",\"code\":0,\"signal\":0}");
    assert_int_equal(finish(&r), 0);
}

static void a_missing_preload_is_fatal(void **state) {
    (void)state;
    char line[1024], path[128];
    in_folder(path, sizeof path, "none.so");
    struct run r = launch_with("echo started >>$lines", path);
    assert_true(next_line(&r, line, sizeof line));
    json_t *event = json_loads(line, 0, NULL);
    assert_true(json_is_true(json_object_get(event, "fatal")));
    assert_string_equal(json_string_value(json_object_get(event, "object")), path);
    assert_non_null(strstr(json_string_value(json_object_get(event, "message")), "make build"));
    json_decref(event);
    assert_false(next_line(&r, line, sizeof line));
    assert_int_equal(finish(&r), 3);
    assert_int_equal(folders_of(r.pid), 0);
}

// ---- what it leaves ----

enum ending { STOP, END_OF_INPUT, TERMINATE, ENDINGS };

// A kernel that stays, with a child in a session of its own whose parent is gone: it ignores SIGTERM.
static void nothing_is_left(enum ending how) {
    char line[256];
    struct run r = launch("(setsid sh -c 'trap \"\" TERM; echo $$ >orphan; while :; do sleep 1; done' &)\n"
                          "echo $$ >own; while [ ! -s orphan ]; do sleep 0.05; done\n"
                          "echo up >>$lines; exec sleep 1000");
    expect_line(&r, "up");
    assert_int_equal(folders_of(r.pid), 1);
    if (how == STOP)
        tell(&r, "{\"op\":\"stop\"}\n");
    else if (how == TERMINATE)
        kill(r.pid, SIGTERM);
    else {
        close(r.to);
        r.to = -1;
    }
    assert_false(next_line(&r, line, sizeof line)); // it was told: no event of its own
    assert_int_equal(finish(&r), 0);
    assert_int_equal(folders_of(r.pid), 0);
    assert_int_equal(kill(pid_in("own"), 0), -1);
    assert_int_equal(kill(pid_in("orphan"), 0), -1);
}

static void an_end_leaves_no_process_and_no_folder(void **state) {
    (void)state;
    for (enum ending how = STOP; how < ENDINGS; how++)
        nothing_is_left(how);
}

static void a_kernel_that_dies_is_told_of(void **state) {
    (void)state;
    struct run r = launch("(setsid sh -c 'echo $$ >orphan; exec sleep 1000' &)\n"
                          "while [ ! -s orphan ]; do sleep 0.05; done; kill -SEGV $$");
    expect_line(&r, "{\"event\":\"ended\",\"code\":-1,\"signal\":11}");
    assert_int_equal(finish(&r), 0);
    assert_int_equal(folders_of(r.pid), 0);
    assert_int_equal(kill(pid_in("orphan"), 0), -1);
}

static void make_leftover(char *path, size_t size, pid_t owner) {
    char inner[256];
    snprintf(path, size, "/tmp/mqoe-guest-%07d-XXXXXX", owner);
    assert_non_null(mkdtemp(path));
    snprintf(inner, sizeof inner, "%s/uml", path);
    mkdir(inner, 0700);
    snprintf(inner, sizeof inner, "%s/uml/uml", path);
    mkdir(inner, 0700);
    snprintf(inner, sizeof inner, "%s/uml/uml/pid", path);
    close(open(inner, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void folders_of_killed_launchers_are_removed(void **state) {
    (void)state;
    char gone[64], locked[64], alive[64], command[256];
    make_leftover(gone, sizeof gone, NOBODY);
    make_leftover(locked, sizeof locked, NOBODY); // of a launcher in another PID namespace
    make_leftover(alive, sizeof alive, getpid());
    int lock = open(locked, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    struct run r = launch("exit 0");
    expect_line(&r, "{\"event\":\"ended\",\"code\":0,\"signal\":0}");
    assert_int_equal(finish(&r), 0);
    assert_int_equal(access(gone, F_OK), -1);
    assert_int_equal(access(locked, F_OK), 0);
    assert_int_equal(access(alive, F_OK), 0);
    close(lock);
    snprintf(command, sizeof command, "rm -r %s %s", locked, alive);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_passed_on_whole),
        cmocka_unit_test(a_reader_that_does_not_wait_gets_every_line),
        cmocka_unit_test(a_gone_reader_keeps_nothing_from_the_other),
        cmocka_unit_test(a_line_without_end_comes_in_pieces),
        cmocka_unit_test(the_kernel_gets_the_same_words_in_every_run),
        cmocka_unit_test(a_missing_preload_is_fatal),
        cmocka_unit_test(an_end_leaves_no_process_and_no_folder),
        cmocka_unit_test(a_kernel_that_dies_is_told_of),
        cmocka_unit_test(folders_of_killed_launchers_are_removed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
