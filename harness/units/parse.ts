/**
 * Quantities as people write them: `20mbit`, `15ms`, `64KiB`, `95%`. Parsing never throws: the answer is a value in
 * the base unit (bit/s, nanoseconds, bytes, a ratio) or one sentence that says what was found and what is allowed.
 */
export type Parsed = { ok: true; value: number } | { ok: false; message: string };

export type QuantityKind = "rate" | "time" | "size" | "percent";

interface Grammar {
  /** With its article, for "… is not a rate". */
  noun: string;
  example: string;
  /** Unit in lower case → factor to the base unit. */
  units: Readonly<Record<string, number>>;
  /** What the message lists: the units worth knowing, not every alias. */
  shown: string;
}

/** tc(8)'s names: powers of ten, bits per second. `bps` (bytes in tc, bits everywhere else) is left out on purpose. */
const RATE_UNITS = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, tbit: 1e12 } as const;
const TIME_UNITS = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, min: 60e9, h: 3600e9 } as const;
const SIZE_UNITS = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
} as const;

const GRAMMARS: Readonly<Record<QuantityKind, Grammar>> = {
  rate: { noun: "a rate", example: "20mbit", units: RATE_UNITS, shown: "bit, kbit, mbit, gbit" },
  time: { noun: "a time", example: "15ms", units: TIME_UNITS, shown: "ns, us, ms, s, m, h" },
  size: { noun: "a size", example: "64KiB", units: SIZE_UNITS, shown: "B, kB, MB, GB, KiB, MiB, GiB" },
  percent: { noun: "a percentage", example: "95%", units: { "%": 0.01 }, shown: "%" },
};

/** A sign is read so that the message can talk about the value, not about the syntax. */
const QUANTITY = /^([+-]?(?:\d+(?:_\d+)*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%/]*)$/u;

/** Parses a rate to bit/s. Zero and negative values are values here; whether they are allowed is the caller's. */
export function parseRate(text: string): Parsed {
  return parseQuantity(text, "rate");
}

/** Parses a time to nanoseconds. */
export function parseTime(text: string): Parsed {
  return parseQuantity(text, "time");
}

/** Parses a size to bytes; `kB` is 1000, `KiB` 1024. */
export function parseSize(text: string): Parsed {
  return parseQuantity(text, "size");
}

/** Parses a percentage to a ratio: `95%` is 0.95. */
export function parsePercent(text: string): Parsed {
  return parseQuantity(text, "percent");
}

export function parseQuantity(text: string, kind: QuantityKind): Parsed {
  const grammar = GRAMMARS[kind];
  const match = QUANTITY.exec(text.trim());
  if (!match) return { ok: false, message: `"${text}" is not ${grammar.noun}; ${howToWrite(kind)}` };
  const [, digits = "", unit = ""] = match;
  const factor = lookUp(unit, grammar.units);
  if (factor === undefined) return { ok: false, message: wrongUnit(text, digits, unit, kind) };
  // Decimal fractions of large units are not exact in binary (0.1 × 1e9 is, 1.1 × 1e9 is not): base units are whole.
  const scaled = Number(digits.replaceAll("_", "")) * factor;
  const value = kind === "percent" ? Number(scaled.toPrecision(15)) : Math.round(scaled);
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    return { ok: false, message: `"${text}" is too large for ${grammar.noun}` };
  }
  if (value === 0 && Number(digits.replaceAll("_", "")) !== 0) {
    return { ok: false, message: `"${text}" is less than the smallest ${grammar.noun.slice(2)} mqoe can express` };
  }
  return { ok: true, value };
}

/** Which kind of quantity a text is, when it is a complete one: used to say "that is a time, here a rate is needed". */
export function quantityKind(text: string): QuantityKind | undefined {
  const unit = QUANTITY.exec(text.trim())?.[2];
  if (!unit) return undefined;
  return (Object.keys(GRAMMARS) as QuantityKind[]).find((kind) => lookUp(unit, GRAMMARS[kind].units) !== undefined);
}

/** A regular expression for editors (JSON Schema); it allows what the parser allows, but for the size of numbers. */
export function quantityPattern(kind: QuantityKind): string {
  const anyCase = (unit: string) => unit.replace(/[a-z]/gu, (letter) => `[${letter}${letter.toUpperCase()}]`);
  const units = Object.keys(GRAMMARS[kind].units).map(anyCase).join("|");
  return `^\\s*[0-9]+(_[0-9]+)*(\\.[0-9]+)?([eE][+-]?[0-9]+)?\\s*(${units})\\s*$`;
}

/** "write e.g. "20mbit" (units: bit, kbit, mbit, gbit)". */
export function howToWrite(kind: QuantityKind): string {
  const { example, shown } = GRAMMARS[kind];
  return kind === "percent" ? `write e.g. "${example}"` : `write e.g. "${example}" (units: ${shown})`;
}

/** "a rate", for messages about values of another type. */
export function nounOf(kind: QuantityKind): string {
  return GRAMMARS[kind].noun;
}

function lookUp(unit: string, units: Readonly<Record<string, number>>): number | undefined {
  const name = unit.toLowerCase();
  return Object.hasOwn(units, name) ? units[name] : undefined;
}

function wrongUnit(text: string, digits: string, unit: string, kind: QuantityKind): string {
  const { noun } = GRAMMARS[kind];
  if (unit === "") return `"${text}" has no unit; ${howToWrite(kind)}`;
  const other = quantityKind(text);
  if (other) return `"${text}" is ${GRAMMARS[other].noun}, here ${noun} is needed; ${howToWrite(kind)}`;
  const meant = kind === "rate" ? rateSlip(digits, unit) : "";
  return `"${text}" is not ${noun}; ${meant}${howToWrite(kind)}`;
}

/** Mbps, Mbit/s and the like: everyone writes them once. */
function rateSlip(digits: string, unit: string): string {
  const slip = /^([kmgt]?)(?:b|bps|bit\/s|bits|bits\/s|b\/s)$/iu.exec(unit);
  return slip ? `did you mean "${digits}${(slip[1] ?? "").toLowerCase()}bit"? ` : "";
}
