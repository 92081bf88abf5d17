import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Blueprint, EndpointBlueprint } from "../blueprint/types.js";
import { findNative } from "../ffi/native.js";
import { NativeProcess } from "../ffi/native-process.js";
import { clockMonotonic } from "../ffi/spool.js";
import { processStart } from "../lab/journal.js";
import { Lab } from "../lab/lab.js";

/**
 * Builds the lab of a blueprint with its dataplane, runs `command` inside one endpoint's namespace on this terminal,
 * and removes the lab when it ends. Returns the command's exit code.
 */
export async function shellInLab(
  blueprint: Blueprint,
  endpoint: EndpointBlueprint,
  command: string[],
  signal: AbortSignal,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-shell-"));
  const file = join(folder, "dataplane.json");
  writeFileSync(file, JSON.stringify(blueprint.dataplane));
  const lab = await Lab.build(blueprint.lab, undefined, signal);
  let dataplane: NativeProcess | null = null;
  try {
    dataplane = new NativeProcess("dataplane", file);
    lab.adopt(dataplane.pid, processStart(dataplane.pid) ?? "", "dataplane");
    await dataplane.wait("ready", 15_000);
    dataplane.send({ op: "go", t0: clockMonotonic() });
    return await runInside(lab, endpoint, command, signal);
  } finally {
    await dataplane?.stop();
    await lab.teardown();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runInside(
  lab: Lab,
  endpoint: EndpointBlueprint,
  command: string[],
  signal: AbortSignal,
): Promise<number> {
  const child = execa(findNative().binary, ["exec", "--netns", endpoint.netns, "--", ...command], {
    stdio: "inherit",
    reject: false,
    cleanup: false,
    env: {
      MQOE_LAB: lab.blueprint.name,
      MQOE_CLIENT: endpoint.name,
      PS1: `${endpoint.name}@${lab.blueprint.name} \\w \\$ `,
    },
  });
  if (child.pid !== undefined) lab.adopt(child.pid, processStart(child.pid) ?? "", "shell");
  // An interactive shell handles Ctrl-C itself; only a request to end mqoe as a whole ends it.
  const onAbort = () => signal.reason !== "SIGINT" && child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  const result = await child;
  signal.removeEventListener("abort", onAbort);
  return result.exitCode ?? 128;
}
