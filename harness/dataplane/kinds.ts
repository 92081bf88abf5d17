import type { Blueprint, DataplaneBlueprint } from "../blueprint/types.js";
import type { NativePart } from "../ffi/native-process.js";

/** What the harness needs to know of a kind of dataplane; the rest is its native program's business. */
interface Kind {
  /** The part of mqoe-native that runs it. */
  part: NativePart;
  /**
   * Is "not supported" (EOPNOTSUPP) at its start a property of the kernel that is compared, and no fault of the rig?
   * Then a case is skipped with what it said.
   */
  mayLack: boolean;
}

export const KINDS: Readonly<Record<DataplaneBlueprint["kind"], Kind>> = {
  afxdp: { part: "dataplane", mayLack: false },
  // Linux's own qdiscs: what this kernel was built without cannot be compared with.
  kernel: { part: "kernel", mayLack: true },
  none: { part: "kernel", mayLack: false },
  external: { part: "external", mayLack: false },
  path: { part: "path", mayLack: false },
};

/** A process of the middle: its name, which is its file's and its events', and what it is given. */
export interface MiddlePart {
  name: string;
  blueprint: DataplaneBlueprint;
}

/** The dataplane, then the path stages: in this order they are started. */
export function middleParts({ dataplane, pathStages }: Blueprint): MiddlePart[] {
  const stages = pathStages.map(({ side, process }) => ({ name: `path-${side}`, blueprint: process }));
  return [{ name: "dataplane", blueprint: dataplane }, ...stages];
}

const READY_MS = 15_000;
const LINE_MS = 60_000;

/** How long a process may take until it is ready, ms: an external command as long as it was given, and then as any. */
export function readyWithin({ external }: DataplaneBlueprint): number {
  if (external === null) return READY_MS;
  return READY_MS + (external.ready === "line" ? LINE_MS : external.ready / 1e6);
}
