import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { BuildOptions, BuildProgress } from "../../harness/world/kernel/build.js";
import { hashOf, parseSettings } from "../../harness/world/kernel/recipe.js";
import { scratchFolder } from "../scratch.js";

/** A build of the guest kernel without its hour-long parts: a small source tree, and a make that only pretends. */

export const scratch = () => scratchFolder("mqoe-kernel-");

/** What arch/um/Kconfig has around the one line that is patched. */
const KCONFIG = `config TRACE_IRQFLAGS_SUPPORT
	bool
	default y

config HZ
	int
	default 100

config NR_CPUS
	int
	default 1
`;

export function fakeSource(version = "6.12.117", kconfig = KCONFIG): string {
  const [major, minor, sub] = version.split(".");
  const tree = scratch();
  mkdirSync(join(tree, "arch/um"), { recursive: true });
  writeFileSync(
    join(tree, "Makefile"),
    `VERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${sub}\nEXTRAVERSION =\n`,
  );
  writeFileSync(join(tree, "Kconfig"), "");
  writeFileSync(join(tree, "arch/um/Kconfig"), kconfig);
  return tree;
}

/** Configures from the given settings and the tree's tick rate, "compiles" a program that says its version. */
const MAKE = `#!/bin/sh
echo "make $*" >>"$FAKE_LOG"
hz=$(sed -n '/^config HZ$/,/^$/s/.*default //p' arch/um/Kconfig)
for word; do
  case $word in
    KCONFIG_ALLCONFIG=*) { grep -v NO_SUCH "\${word#*=}"; echo "CONFIG_HZ=$hz"; } >.config ;;
    linux)
      for n in 1 2 3; do echo "  CC      fs/file$n.o"; done
      BODY
      printf '#!/bin/sh\\necho 6.12.117\\n' >linux; chmod +x linux ;;
  esac
done
`;

export interface Fake {
  /** A PATH in which make and strip are ours. */
  env: NodeJS.ProcessEnv;
  /** One line for each call of make. */
  calls: string;
}

/** `body` runs where the compiler would; the environment of make is cleared, so that paths are written into it. */
export function fakeTools(body = ":"): Fake {
  const bin = scratch();
  const calls = join(bin, "calls");
  writeFileSync(calls, "");
  program(bin, "make", MAKE.replace("BODY", body).replace("$FAKE_LOG", calls));
  for (const name of ["strip", "gcc", "ld", "flex", "bison", "bc"]) program(bin, name, "#!/bin/sh\n");
  return { env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }, calls };
}

export function program(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

export function configuration(text = "CONFIG_A=y\nCONFIG_B=y\n") {
  const file = join(scratch(), "kernel.config");
  writeFileSync(file, text);
  const settings = parseSettings(text);
  return { file, settings, hash: hashOf(settings) };
}

export interface Told {
  stages: string[];
  notes: string[];
  counts: number[];
}

export function listen(): { told: Told; progress: BuildProgress } {
  const told: Told = { stages: [], notes: [], counts: [] };
  const progress: BuildProgress = {
    stage: (name) => void told.stages.push(name),
    note: (line) => void told.notes.push(line),
    count: (done) => void told.counts.push(done),
  };
  return { told, progress };
}

/** Everything a build needs, in folders of its own. */
export function fakeBuild(changes: Partial<BuildOptions> = {}): BuildOptions & { folder: string } {
  const { progress } = listen();
  return {
    progress,
    signal: new AbortController().signal,
    source: fakeSource(),
    folder: join(scratch(), "guest"),
    env: fakeTools().env,
    configuration: configuration(),
    freeBytes: () => 1e12,
    jobs: 2,
    ...changes,
  } as BuildOptions & { folder: string };
}
