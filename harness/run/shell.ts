import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Blueprint, EndpointBlueprint } from "../blueprint/types.js";
import { findNative } from "../ffi/native.js";
import { NativeProcess } from "../ffi/native-process.js";
import { clockMonotonic } from "../ffi/spool.js";
import { processStart } from "../lab/journal.js";
import { Lab } from "../lab/lab.js";
import type { Interruption } from "./interrupt.js";

export interface ShellRequest {
  blueprint: Blueprint;
  endpoint: EndpointBlueprint;
  command: string[];
  /** Called when the lab forwards frames, before the command starts. */
  onReady: () => void;
}

/**
 * Builds the lab of a blueprint with its dataplane, runs `command` inside one endpoint's namespace on this terminal,
 * and removes the lab when it ends. Returns the command's exit code; throws the reason when it was interrupted.
 */
export async function shellInLab(request: ShellRequest, interruption: Interruption): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-shell-"));
  try {
    const file = join(folder, "dataplane.json");
    writeFileSync(file, JSON.stringify(request.blueprint.dataplane));
    const lab = await Lab.build(request.blueprint.lab, undefined, interruption.signal);
    try {
      return await withDataplane(lab, file, request, interruption);
    } finally {
      await lab.teardown();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withDataplane(
  lab: Lab,
  file: string,
  request: ShellRequest,
  interruption: Interruption,
): Promise<number> {
  const dataplane = new NativeProcess("dataplane", file);
  try {
    lab.adopt(dataplane.pid, processStart(dataplane.pid) ?? "", "dataplane");
    await dataplane.wait("ready", 15_000);
    dataplane.send({ op: "go", t0: clockMonotonic() });
    // An interactive shell handles Ctrl-C itself; only a request to end mqoe as a whole ends it.
    interruption.leave("SIGINT");
    interruption.signal.throwIfAborted();
    request.onReady();
    return await runInside(lab, request, interruption.signal);
  } finally {
    await dataplane.stop();
  }
}

async function runInside(lab: Lab, { endpoint, command }: ShellRequest, signal: AbortSignal): Promise<number> {
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
  const end = () => {
    child.kill("SIGTERM");
    // Interactive shells ignore SIGTERM; a hang-up ends them.
    child.kill("SIGHUP");
  };
  signal.addEventListener("abort", end, { once: true });
  const result = await child;
  signal.removeEventListener("abort", end);
  signal.throwIfAborted();
  return result.exitCode ?? 128 + (result.signal ? constants.signals[result.signal] : 0);
}
