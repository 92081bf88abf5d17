import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Blueprint, EndpointBlueprint } from "../blueprint/types.js";
import { middleParts } from "../dataplane/kinds.js";
import { Middle } from "../dataplane/middle.js";
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
    for (const { name, blueprint } of middleParts(request.blueprint))
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(blueprint));
    const lab = await Lab.build(request.blueprint.lab, undefined, interruption.signal);
    try {
      return await withMiddle(lab, folder, request, interruption);
    } finally {
      await lab.teardown();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function withMiddle(
  lab: Lab,
  folder: string,
  request: ShellRequest,
  interruption: Interruption,
): Promise<number> {
  const middle = new Middle(request.blueprint, (part, name) => {
    const process = new NativeProcess(part, join(folder, `${name}.json`), undefined, undefined, name);
    lab.adopt(process.pid, processStart(process.pid) ?? "", name);
    return process;
  });
  try {
    await middle.start(interruption.signal);
    middle.go(clockMonotonic());
    // An interactive shell handles Ctrl-C itself; only a request to end mqoe as a whole ends it.
    interruption.leave("SIGINT");
    interruption.signal.throwIfAborted();
    request.onReady();
    return await runInside(lab, request, interruption.signal);
  } finally {
    await middle.end();
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
