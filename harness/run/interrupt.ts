/** Somebody wished the whole to end: a signal, or the reader of our output who left (SIGPIPE). */
export class Interrupted extends Error {
  constructor(readonly signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
  }

  /** Reasons of aborts become parts of sentences: "interrupted by SIGINT". */
  override toString(): string {
    return this.signal;
  }
}

export interface Interruption {
  signal: AbortSignal;
  /** From now on this signal is somebody else's business: received, and ignored. */
  leave(name: NodeJS.Signals): void;
  release(): void;
}

/** What runs at the moment: see `abortAll`. */
const active = new Set<AbortController>();

/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort that unwinds in order (samples kept, lab removed). Further
 * ones are ignored while that happens, because a second Ctrl-C must not strand a half-removed lab; `onIgnored` may tell
 * the user so.
 */
export function abortOnSignals(onIgnored: (signal: string) => void = () => {}): Interruption {
  const controller = new AbortController();
  const names: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const left = new Set<NodeJS.Signals>();
  const handler = (name: NodeJS.Signals) => {
    if (left.has(name)) return;
    if (controller.signal.aborted) onIgnored(name);
    else controller.abort(new Interrupted(name));
  };
  for (const name of names) process.on(name, handler);
  active.add(controller);
  return {
    signal: controller.signal,
    leave: (name) => void left.add(name),
    release() {
      for (const name of names) process.off(name, handler);
      active.delete(controller);
    },
  };
}

/**
 * Makes whatever runs unwind because of an error that nobody awaits (a lost terminal, a bug in an event handler).
 * False when nothing runs: then there is nothing to remove either.
 */
export function abortAll(reason: Error): boolean {
  for (const controller of active) controller.abort(reason);
  return active.size > 0;
}
