import { existsSync, statSync, writeFileSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { CommandModule } from "yargs";
import { findRoot } from "../ffi/package.js";
import { UsageError } from "./exit.js";
import { makeFolder } from "./out-folder.js";

interface InitArguments {
  dir: string;
}

const FILE = "home.toml";

export const init: CommandModule<object, InitArguments> = {
  command: "init [dir]",
  describe: `Write a commented sample scenario, ${FILE}; never overwrites`,
  builder: (yargs) =>
    yargs
      .positional("dir", { type: "string", default: ".", describe: "folder, made when absent" })
      .example("$0 init scenarios", "then edit scenarios/home.toml and npx mqoe check it"),
  handler({ dir }) {
    if (dir.endsWith(".toml") || statSync(dir, { throwIfNoEntry: false })?.isFile()) {
      throw new UsageError(`${dir} is a file's name; init takes a folder and writes ${FILE} into it`);
    }
    const file = join(dir, FILE);
    write(dir, file, sampleScenario(schemaPath(dir)));
    process.stdout.write(`wrote ${file}; next: npx mqoe check ${file} && sudo npx mqoe run ${file}\n`);
  },
};

function write(dir: string, file: string, text: string): void {
  try {
    makeFolder(dir);
    writeFileSync(file, text, { flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && existsSync(file))
      throw new UsageError(`${file} exists and is left as it is; name another folder`);
    throw new UsageError(`cannot write ${file}: ${code ?? message}`);
  }
}

/** As editors resolve it: relative to the scenario, with forward slashes. */
function schemaPath(dir: string): string {
  const path = relative(resolve(dir), join(findRoot(), "schema", "scenario.json"));
  return isAbsolute(path) || path.startsWith(".") ? path : `./${path}`;
}

/** A whole scenario that passes as it is, each line with the reason it is there. */
export function sampleScenario(schema: string): string {
  return `#:schema ${schema}
# A home line under load: does it stay responsive? Every key and default: docs/scenario.md.
# Quantities are strings with units: "20mbit", "15ms", "64KiB", "95%".

title    = "A home link stays responsive while everyone downloads"
tags     = ["sample"]                 # for --filter tag=sample
duration = "15s"                      # the whole run
phases   = { idle = "3s", ramp = "3s", cooldown = "2s" }   # loaded is the rest: 7 s

[plan.home]                           # what the subscriber bought
down = "20mbit"
up   = "5mbit"
overhead = "ethernet"                 # what a frame costs on his line
sqm  = { discipline = "cake" }        # … and the queue management that enforces it: cake, fq_codel, dualpi2, pfifo …

[path.metro]                          # emulated distance; without one, TCP results mean nothing
rtt = "20ms"

[server.web]
path = "metro"

[client.home]                         # count = 3 would make home-1 … home-3
plan = "home"

[traffic.bulk]                        # four downloads …
kind  = "tcp"
from  = "home"
to    = "web"
flows = 4

[traffic.ping]                        # … and a probe that watches, 100 times a second, all the time
kind     = "probe"
from     = "home"
to       = "web"
interval = "10ms"

[[expect]]                            # what the load adds to the idle latency, for 99 % of the probes
metric = "ping.induced.p99"
below  = "15ms"

[[expect]]
metric   = "bulk.goodput"
at_least = "95% of share"

[[expect]]                            # every frame that went in came out, or was counted as dropped
metric = "dataplane.unaccounted"
equals = 0

# A comparison: each value is a case of its own, home[queue=cake], home[queue=fq_codel] and home[queue=pfifo].
# [matrix.queue]
# cake     = { plan.home.sqm.discipline = "cake" }
# fq_codel = { plan.home.sqm.discipline = "fq_codel" }
# pfifo    = { plan.home.sqm.discipline = "pfifo" }
`;
}
