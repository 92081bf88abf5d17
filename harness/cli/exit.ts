/** Exit codes (DESIGN §6). */
export const EXIT = { ok: 0, failed: 1, usage: 2, rig: 3, nothingRan: 4, inconclusive: 5, interrupted: 130 } as const;

/** Something the user typed or wrote is wrong: exit 2. The message says what was found, what is allowed. */
export class UsageError extends Error {}
