// mqoe-native: one multi-call binary. Each part has its own main; this file only chooses.
#include <stdio.h>
#include <string.h>

int mqoe_dataplane_main(int argc, char **argv);
int mqoe_path_main(int argc, char **argv);
int mqoe_external_main(int argc, char **argv);
int mqoe_kernel_main(int argc, char **argv);
int mqoe_traffic_main(int argc, char **argv);
int mqoe_capture_main(int argc, char **argv);
int mqoe_exec_main(int argc, char **argv);
int mqoe_program_main(int argc, char **argv);
int mqoe_bench_main(int argc, char **argv);
int mqoe_guest_main(int argc, char **argv);
int mqoe_guest_init_main(int argc, char **argv);
#pragma weak mqoe_dataplane_main
#pragma weak mqoe_path_main
#pragma weak mqoe_external_main
#pragma weak mqoe_kernel_main
#pragma weak mqoe_traffic_main
#pragma weak mqoe_capture_main
#pragma weak mqoe_exec_main
#pragma weak mqoe_program_main
#pragma weak mqoe_bench_main
#pragma weak mqoe_guest_main
#pragma weak mqoe_guest_init_main

static const struct part {
    const char *name;
    int (*main)(int, char **);
    const char *help;
} parts[] = {
    {"dataplane", mqoe_dataplane_main,
     "--blueprint FILE         shape between the trunks of a lab (control: stdin/stdout)"},
    {"path", mqoe_path_main,
     "--blueprint FILE         delay between the trunks of a lab (control: stdin/stdout)"},
    {"kernel", mqoe_kernel_main,
     "--blueprint FILE         let Linux route and queue in a lab (control: stdin/stdout)"},
    {"external", mqoe_external_main,
     "--blueprint FILE         run the user's own dataplane in a lab (control: stdin/stdout)"},
    {"traffic", mqoe_traffic_main,
     "--blueprint FILE         drive clients and servers of a lab (control: stdin/stdout)"},
    {"capture", mqoe_capture_main,
     "--blueprint FILE         write packets of a lab to pcapng files (control: stdin/stdout)"},
    {"exec", mqoe_exec_main, "--netns PATH -- CMD…     run a program inside a namespace"},
    {"program", mqoe_program_main,
     "--netns PATH --uid N …   run a program of a scenario as an ordinary user, and end all that it started"},
    {"guest", mqoe_guest_main,
     "--kernel FILE …          boot a guest for the hermetic world (control: stdin/stdout)"},
    {"guest-init", mqoe_guest_init_main, "                         the first process of that guest"},
    {"bench", mqoe_bench_main, "[--json FILE] [--quick]  frames/s against a bare forwarder, ms per client"},
};

static int usage(FILE *to, int code) {
    fprintf(to, "usage: mqoe-native PART …\n\n");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        fprintf(to, "  %-10s %s\n", parts[i].name, parts[i].help);
    return code;
}

int main(int argc, char **argv) {
    if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
        return usage(stdout, 0);
    if (argc < 2)
        return usage(stderr, 2);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!strcmp(argv[1], parts[i].name) && parts[i].main)
            return parts[i].main(argc - 1, argv + 1);
    fprintf(stderr, "mqoe-native: no part named \"%s\"\n", argv[1]);
    return usage(stderr, 2);
}
