// mqoe-native bench [--json FILE] [--quick] [--part NAME] [--cell C,F,B]: what the dataplane and the lab cost
// on this machine. Every figure stands beside a baseline measured in the same run, because absolute ones say
// more about the machine than about mqoe.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bench.h"

#define EXIT_USAGE 2
#define EXIT_RIG   3

int mqoe_bench_main(int argc, char **argv);

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double mqoe_bench_median(double *values, unsigned count) {
    qsort(values, count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static const struct {
    const char *name;
    json_t *(*run)(const struct mqoe_bench *b, struct mqoe_error *e);
} parts[] = {{"sqm", mqoe_bench_sqm},       {"tree", mqoe_bench_tree},       {"loop", mqoe_bench_loop},
             {"memory", mqoe_bench_memory}, {"forward", mqoe_bench_forward}, {"gaps", mqoe_bench_gaps},
             {"lab", mqoe_bench_lab}};

static bool is_part(const char *name) {
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(parts[i].name, name))
            return true;
    return false;
}

static json_t *describe_machine(void) {
    struct utsname u;
    uname(&u);
    return json_pack("{s:s, s:i}", "kernel", u.release, "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN));
}

// Runs all parts, or `only` one; one that cannot run here says why and does not keep the others from running.
static int run_all(const struct mqoe_bench *b, const char *only, json_t *results) {
    int code = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (only && strcmp(only, parts[i].name) != 0)
            continue;
        struct mqoe_error e = {0};
        json_t *part = parts[i].run(b, &e);
        fflush(b->table);
        if (part) {
            json_object_set_new(results, parts[i].name, part);
            continue;
        }
        fprintf(stderr, "mqoe-native bench: %s: %s: %s: %s%s%s\n", parts[i].name, e.object, e.syscall,
                strerror(e.errnum), e.hint[0] ? "; " : "", e.hint);
        code = EXIT_RIG;
    }
    return code;
}

static int write_json(const json_t *results, const char *file) {
    if (!strcmp(file, "-")) {
        json_dumpf(results, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
        return 0;
    }
    if (json_dump_file(results, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0)
        return 0;
    fprintf(stderr, "mqoe-native bench: %s: %s\n", file, strerror(errno));
    return EXIT_RIG;
}

static int usage(void) {
    fprintf(stderr,
            "usage: mqoe-native bench [--json FILE] [--quick] [--part NAME] [--cell C,F,B]\n\n"
            "Parts: sqm, tree, loop, memory, forward, gaps, lab. All of them without --part.\n"
            "--cell: of the parts sqm and tree (C), only C clients, F flows, frames of B bytes (0 = all).\n"
            "FILE \"-\" writes JSON to standard output and the table to standard error.\n");
    return EXIT_USAGE;
}

int mqoe_bench_main(int argc, char **argv) {
    struct mqoe_bench b = {.table = stdout};
    const char *file = NULL, *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--quick"))
            b.quick = true;
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            file = argv[++i];
        else if (!strcmp(argv[i], "--part") && i + 1 < argc && is_part(argv[i + 1]))
            only = argv[++i];
        else if (!strcmp(argv[i], "--cell") && i + 1 < argc &&
                 sscanf(argv[i + 1], "%u,%u,%u", &b.clients, &b.flows, &b.frame) == 3)
            i++;
        else
            return usage();
    }
    if (file && !strcmp(file, "-"))
        b.table = stderr;
    json_t *results = json_pack("{s:s, s:b, s:o}", "schema", "mqoe-bench/1", "quick", b.quick, "machine",
                                describe_machine());
    int code = run_all(&b, only, results);
    if (file && write_json(results, file) != 0)
        code = EXIT_RIG;
    json_decref(results);
    return code;
}
