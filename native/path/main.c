// mqoe-native path --blueprint FILE: emulated distance as a stage of its own, beside a dataplane that has
// none (DESIGN §3). The engine is the dataplane's, so that fused and apart cannot differ; its clients have
// discipline "none" and rate 0, which leaves the delays. It writes no records: they would be taken for the
// dataplane's.
#include "dataplane/commands.h"

int mqoe_path_main(int argc, char **argv);

int mqoe_path_main(int argc, char **argv) {
    return mqoe_dataplane_run("path", MQOE_KIND_PATH, argc, argv);
}
