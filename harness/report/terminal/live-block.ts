/** A few lines at the bottom of a terminal that are rewritten in place. */
export interface LiveBlock {
  start(): void;
  draw(): void;
  /** Puts a line above the block, where it stays. */
  print(line: string): void;
  /** Removes the block and shows the cursor again; safe to call twice. */
  stop(): void;
}

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_BELOW = "\u001b[0J";
/** Lines longer than the terminal are cut by it, not wrapped: a wrapped line would break the count of lines. */
const NO_WRAP = "\u001b[?7l";
const WRAP = "\u001b[?7h";

const REDRAW_MS = 125;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The block owns the cursor between start and stop, and gives it back however the process ends (but for SIGKILL). */
export function liveBlock(stream: { write(text: string): unknown }, lines: () => string[]): LiveBlock {
  let timer: NodeJS.Timeout | null = null;
  let height = 0;

  const toTop = () => (height > 0 ? `\u001b[${height}A\r` : "\r");
  const paint = (above: string) => {
    const text = lines();
    stream.write(`${toTop()}${CLEAR_BELOW}${above}${NO_WRAP}${text.join("\n")}\n${WRAP}`);
    height = text.length;
  };
  const restore = () => stream.write(`${toTop()}${CLEAR_BELOW}${SHOW_CURSOR}`);
  const guard = exitGuard(restore);

  return {
    start() {
      if (timer !== null) return;
      stream.write(HIDE_CURSOR);
      guard.arm();
      timer = setInterval(() => paint(""), REDRAW_MS);
      // Progress must never be what keeps a finished run alive.
      timer.unref();
      paint("");
    },
    draw() {
      if (timer !== null) paint("");
    },
    print(line) {
      if (timer === null) stream.write(`${line}\n`);
      else paint(`${line}\n`);
    },
    stop() {
      if (timer === null) return;
      clearInterval(timer);
      timer = null;
      restore();
      height = 0;
      guard.disarm();
    },
  };
}

/**
 * Runs `restore` when the process exits or is told to. A signal is only passed on when nobody else handles it: the
 * conductor has its own handlers, which tear the lab down, and they decide when to exit.
 */
function exitGuard(restore: () => void): { arm(): void; disarm(): void } {
  const onSignal = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return;
    restore();
    disarm();
    process.kill(process.pid, signal);
  };
  const disarm = () => {
    process.removeListener("exit", restore);
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
  return {
    arm() {
      process.on("exit", restore);
      for (const signal of SIGNALS) process.on(signal, onSignal);
    },
    disarm,
  };
}
