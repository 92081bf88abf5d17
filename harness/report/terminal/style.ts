import { Chalk, type ChalkInstance } from "chalk";
import type { Verdict } from "../../verdict/types.js";
import { verdictLook } from "../format.js";

/** What a stream can show. Decided once, by `detectStyle`; everything that prints takes it as an argument. */
export interface Style {
  /** Lines may be rewritten in place. */
  live: boolean;
  color: boolean;
  columns: number;
}

export interface Terminal {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

const DEFAULT_COLUMNS = 80;
/** Wider tables are harder to read, not easier. */
const MAX_COLUMNS = 120;
const MIN_COLUMNS = 60;

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "" && value !== "0" && value !== "false";
}

/**
 * Live output needs a terminal that is not CI's; colour needs a terminal too, unless FORCE_COLOR asks for it, and
 * never comes with NO_COLOR (no-color.org: any non-empty value) or TERM=dumb.
 */
export function detectStyle(stream: Terminal, env: NodeJS.ProcessEnv): Style {
  const terminal = stream.isTTY === true && env.TERM !== "dumb";
  const plain = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  const columns = Math.max(MIN_COLUMNS, Math.min(MAX_COLUMNS, stream.columns ?? DEFAULT_COLUMNS));
  return {
    live: terminal && !isSet(env.CI),
    color: !plain && (isSet(env.FORCE_COLOR) || terminal),
    columns,
  };
}

/** The 16 basic colours only: they follow the user's own theme, light or dark. */
export function painter(style: Style): ChalkInstance {
  return new Chalk({ level: style.color ? 1 : 0 });
}

const TONES = { good: "green", bad: "red", odd: "yellow", mute: "gray" } as const;

export function paintTone(chalk: ChalkInstance, tone: keyof typeof TONES, text: string): string {
  return chalk[TONES[tone]](text);
}

export function paintVerdict(chalk: ChalkInstance, verdict: Verdict, text: string): string {
  return paintTone(chalk, verdictLook(verdict).tone, text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Text from files and other processes must not move the cursor, set titles or reverse the line. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => (character === "\n" || character === "\t" ? " " : "\ufffd"));
}

/** Breaks text at spaces into lines of at most `width` characters; longer words are cut. Never empty. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((w) => chunks(w, width))) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Cuts a word into pieces of at most `width`, after punctuation where there is some: names are made of parts. */
function chunks(word: string, width: number): string[] {
  const parts: string[] = [];
  let rest = word;
  while (rest.length > width) {
    const head = rest.slice(0, width);
    const cut = Math.max(...[".", "/", "=", ",", "_", "-"].map((mark) => head.lastIndexOf(mark))) + 1;
    const at = cut > width / 3 ? cut : width;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...parts, rest];
}

/** At most `width` characters, with an ellipsis where something was cut. */
export function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
