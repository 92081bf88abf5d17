#include "external/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The same in every world and on every machine: what the user's shell happens to export decides nothing.
#define SEARCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define VARIABLES   16

// Copies the members of `from` that a user's program may count on; the rest of a blueprint is ours.
static json_t *pick(const json_t *from, const char *const keys[]) {
    json_t *to = json_object();
    for (size_t i = 0; keys[i]; i++)
        json_object_set(to, keys[i], json_object_get(from, keys[i]));
    return to;
}

static json_t *pick_all(const json_t *list, const char *const keys[]) {
    json_t *to = json_array();
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append_new(to, pick(json_array_get(list, i), keys));
    return to;
}

json_t *mqoe_external_plan_document(const struct mqoe_external_config *c) {
    static const char *const server[] = {"name", "addresses", NULL};
    static const char *const client[] = {"name", "addresses", "down", "up", NULL};
    return json_pack("{s:s, s:s, s:I, s:{s:s, s:s}, s:s, s:i, s:o, s:o}", "schema", "mqoe-plan/1", "lab",
                     c->lab, "seed", (json_int_t)c->seed, "interfaces", "access",
                     c->interface[MQOE_EXTERNAL_ACCESS], "core", c->interface[MQOE_EXTERNAL_CORE], "mac",
                     c->mac, "mtu", (int)c->mtu, "servers", pick_all(c->servers, server), "clients",
                     pick_all(c->clients, client));
}

static json_int_t rate_of(const json_t *client, const char *direction) {
    return json_integer_value(json_object_get(json_object_get(client, direction), "rate"));
}

// One line per address; with `rates`, also what the client bought.
static int write_table(const char *file, const json_t *subjects, bool rates, struct mqoe_error *e) {
    FILE *f = fopen(file, "we");
    if (!f)
        return mqoe_fail(e, errno, "open", "the run's folder must be writable", "%s", file);
    for (size_t i = 0; i < json_array_size(subjects); i++) {
        const json_t *subject = json_array_get(subjects, i), *list = json_object_get(subject, "addresses");
        for (size_t k = 0; k < json_array_size(list); k++) {
            fprintf(f, "%s %s", json_string_value(json_object_get(subject, "name")),
                    json_string_value(json_array_get(list, k)));
            if (rates)
                fprintf(f, " %" JSON_INTEGER_FORMAT " %" JSON_INTEGER_FORMAT, rate_of(subject, "down"),
                        rate_of(subject, "up"));
            fputc('\n', f);
        }
    }
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed)
        return mqoe_fail(e, errno ? errno : EIO, "write", NULL, "%s", file);
    return 0;
}

static int write_document(const char *file, const struct mqoe_external_config *c, struct mqoe_error *e) {
    json_t *document = mqoe_external_plan_document(c);
    if (!document)
        return mqoe_fail(e, ENOMEM, "calloc", NULL, "%s", file);
    errno = 0;
    int failed = json_dump_file(document, file, JSON_INDENT(1));
    int errnum = errno ? errno : EIO;
    json_decref(document);
    return failed ? mqoe_fail(e, errnum, "write", "the run's folder must be writable", "%s", file) : 0;
}

// DIR/NAME.json → absolute DIR/NAME<suffix>; NULL without memory. The command may change its directory, so
// what it is told is absolute.
static char *beside(const char *blueprint, const char *suffix) {
    char *real = realpath(blueprint, NULL), *path;
    if (!real)
        return NULL;
    size_t length = strlen(real);
    if (length > 5 && !strcmp(real + length - 5, ".json"))
        length -= 5;
    int made = asprintf(&path, "%.*s%s", (int)length, real, suffix);
    free(real);
    return made < 0 ? NULL : path;
}

static bool set(char **environment, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool set(char **environment, const char *format, ...) {
    size_t at = 0;
    while (environment[at])
        at++;
    va_list ap;
    va_start(ap, format);
    int made = vasprintf(&environment[at], format, ap);
    va_end(ap);
    if (made < 0)
        environment[at] = NULL;
    return made >= 0;
}

static const char *home(void) {
    const struct passwd *user = getpwuid(geteuid());
    return user && user->pw_dir && *user->pw_dir ? user->pw_dir : "/";
}

static bool make_environment(struct mqoe_external_plan *p, const struct mqoe_external_config *c) {
    const char *temporary = getenv("TMPDIR");
    char **to = p->environment = calloc(VARIABLES + 1, sizeof *p->environment);
    return to && set(to, "PATH=" SEARCH_PATH) && set(to, "HOME=%s", home()) && set(to, "LANG=C.UTF-8") &&
           set(to, "TMPDIR=%s", temporary ? temporary : "/tmp") &&
           set(to, "MQOE_ACCESS_IF=%s", c->interface[MQOE_EXTERNAL_ACCESS]) &&
           set(to, "MQOE_CORE_IF=%s", c->interface[MQOE_EXTERNAL_CORE]) && set(to, "MQOE_MAC=%s", c->mac) &&
           set(to, "MQOE_MTU=%" PRIu32, c->mtu) && set(to, "MQOE_SEED=%" PRIu64, c->seed) &&
           set(to, "MQOE_PLAN=%s", p->file) && set(to, "MQOE_CLIENTS=%s", p->clients) &&
           set(to, "MQOE_SERVERS=%s", p->servers);
}

int mqoe_external_plan_write(struct mqoe_external_plan *p, const struct mqoe_external_config *c,
                             const char *blueprint, struct mqoe_error *e) {
    *p = (struct mqoe_external_plan){.file = beside(blueprint, ".plan.json"),
                                     .clients = beside(blueprint, ".clients"),
                                     .servers = beside(blueprint, ".servers")};
    if (!p->file || !p->clients || !p->servers || !make_environment(p, c))
        return mqoe_fail(e, errno ? errno : ENOMEM, "realpath", NULL, "blueprint %s", blueprint);
    int err = write_document(p->file, c, e);
    err = err ? err : write_table(p->clients, c->clients, true, e);
    return err ? err : write_table(p->servers, c->servers, false, e);
}

void mqoe_external_plan_free(struct mqoe_external_plan *p) {
    for (size_t i = 0; p->environment && p->environment[i]; i++)
        free(p->environment[i]);
    free(p->environment);
    free(p->file);
    free(p->clients);
    free(p->servers);
    *p = (struct mqoe_external_plan){0};
}
