import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BuildProgress } from "./build.js";
import { type CommandContext, runCommand } from "./command.js";
import { EXPECTED_OBJECTS, type GuestConfiguration, OPTIONAL, parseSettings, RECIPE } from "./recipe.js";

/** Seconds of one core on the reference machine (2.5 GHz). */
const COMPILE_CORE_SECONDS = 330;
const CONFIGURE_SECONDS = 5;

/** Without the tools that are not used but whose versions would get into the configuration that the kernel carries. */
const UML = ["ARCH=um", `SUBARCH=${RECIPE.architecture}`, "RUSTC=false", "PAHOLE=false"] as const;

/**
 * The environment of make: nothing that is left over from a make above us (`make hermetic`), from a cross build or from
 * the user's CFLAGS gets in, and the binary does not carry who built it, where and when.
 */
export function compileEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = ["PATH", "HOME", "TMPDIR", "CCACHE_DIR"].filter((name) => env[name] !== undefined);
  return {
    ...Object.fromEntries(kept.map((name) => [name, env[name]])),
    LC_ALL: "C",
    KBUILD_BUILD_USER: "mqoe",
    KBUILD_BUILD_HOST: "mqoe",
    KBUILD_BUILD_TIMESTAMP: "Thu Jan  1 00:00:00 UTC 1970",
  };
}

/** Writes .config; returns the optional symbols that this source lacks. Throws when a required one did not take effect. */
export async function configure(
  source: string,
  configuration: GuestConfiguration,
  context: CommandContext,
  progress: BuildProgress,
): Promise<string[]> {
  progress.stage("configuring", CONFIGURE_SECONDS);
  patchTickRate(join(source, "arch/um/Kconfig"));
  const given = `KCONFIG_ALLCONFIG=${configuration.file}`;
  await runCommand(["make", ...UML, "allnoconfig", given], source, context);
  const config = readFileSync(join(source, ".config"), "utf8");
  const absent = absentSettings(configuration.settings, config);
  const required = absent.filter((symbol) => !OPTIONAL.has(symbol));
  if (required.length > 0) {
    throw new Error(
      `this source does not give what ${configuration.file} asks for: ${required.join(", ")} did not take effect ` +
        "(no such symbol in it, or something it depends on is off)",
    );
  }
  if (!config.split("\n").includes(`CONFIG_HZ=${RECIPE.hz}`)) {
    throw new Error(`the tick rate is not ${RECIPE.hz}: the change of arch/um/Kconfig had no effect in this source`);
  }
  return absent;
}

/** Compiles and strips the kernel; `linux` stands in the source folder afterwards. */
export async function compile(
  source: string,
  jobs: number,
  context: CommandContext,
  progress: BuildProgress,
): Promise<string> {
  progress.stage(`compiling with ${jobs} ${jobs === 1 ? "job" : "jobs"}`, COMPILE_CORE_SECONDS / jobs);
  let objects = 0;
  await runCommand(["make", ...UML, `-j${jobs}`, "linux"], source, context, (line) => {
    if (/^ +(CC|AS) /.test(line)) progress.count(++objects, Math.max(EXPECTED_OBJECTS, objects));
  });
  const binary = join(source, "linux");
  const stripped = join(source, "linux.stripped");
  copyFileSync(binary, stripped);
  await runCommand(["strip", stripped], source, context);
  return stripped;
}

/** The tick rate of user-mode Linux stands as a default without a menu entry. */
export function patchTickRate(kconfig: string): void {
  const text = readFileSync(kconfig, "utf8");
  const patched = text.replace(/^(config HZ\n(?:[ \t].*\n)*?[ \t]+default )\d+$/m, `$1${RECIPE.hz}`);
  if (!/^config HZ$/m.test(patched) || !patched.includes(`default ${RECIPE.hz}\n`)) {
    throw new Error(
      `${kconfig} has no "config HZ" with a default to change to ${RECIPE.hz}: this source is too different`,
    );
  }
  writeFileSync(kconfig, patched);
}

/** Symbols whose setting did not reach .config; a symbol that is to be off may also be absent. */
export function absentSettings(settings: readonly string[], config: string): string[] {
  const made = new Set(parseSettings(config));
  const isOn = (symbol: string) => [...made].some((line) => line.startsWith(`${symbol}=`));
  return settings
    .filter((line) => {
      const off = /^# (CONFIG_\w+) is not set$/.exec(line)?.[1];
      return off === undefined ? !made.has(line) : isOn(off);
    })
    .map((line) => /CONFIG_\w+/.exec(line)?.[0] ?? line);
}
