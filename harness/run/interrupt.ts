/**
 * Turns the first SIGINT, SIGTERM or SIGHUP into an abort that unwinds in order (samples kept, lab removed). Further
 * ones are ignored while that happens, because a second Ctrl-C must not strand a half-removed lab; `onIgnored` may tell
 * the user so.
 */
export function abortOnSignals(onIgnored: (signal: string) => void = () => {}): {
  signal: AbortSignal;
  release(): void;
} {
  const controller = new AbortController();
  const names: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const handler = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) onIgnored(name);
    else controller.abort(name);
  };
  for (const name of names) process.on(name, handler);
  return {
    signal: controller.signal,
    release() {
      for (const name of names) process.off(name, handler);
    },
  };
}
