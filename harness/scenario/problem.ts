/** Where something stands in a scenario: 1-based lines and columns, as editors count. Line 0: the file as a whole. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

/** One thing wrong with a scenario: what was found, where, what is allowed, and what to do. */
export interface Problem extends Position {
  message: string;
  /** What to do about it, when the message does not already say so. */
  hint?: string;
  severity: "error" | "warning";
}

/** The problems of one load: each is kept once, although every cell of a matrix finds it again. */
export class Problems {
  readonly #seen = new Map<string, Problem>();

  error(at: Position, message: string, hint?: string): void {
    this.add({ ...position(at), message, ...(hint === undefined ? {} : { hint }), severity: "error" });
  }

  warn(at: Position, message: string, hint?: string): void {
    this.add({ ...position(at), message, ...(hint === undefined ? {} : { hint }), severity: "warning" });
  }

  add(problem: Problem): void {
    const key = JSON.stringify([problem.file, problem.line, problem.column, problem.message]);
    if (!this.#seen.has(key)) this.#seen.set(key, problem);
  }

  get hasErrors(): boolean {
    return [...this.#seen.values()].some((problem) => problem.severity === "error");
  }

  /** In reading order: files as they were met, then lines, then columns. */
  sorted(): Problem[] {
    const all = [...this.#seen.values()];
    const order = new Map([...new Set(all.map((problem) => problem.file))].map((file, index) => [file, index]));
    const rank = (problem: Problem) => order.get(problem.file) ?? 0;
    return all.sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column);
  }
}

/** About a file or folder as a whole: it is missing, it is empty. No line of it is to blame. */
export function wholeFile(file: string): Position {
  return { file, line: 0, column: 0 };
}

/** Windows editors begin UTF-8 files with U+FEFF; it is no part of the text. */
export function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/**
 * One line, `file:line:column: message (hint)`; given the text of the file, also the source line with a caret under
 * the place. Pure: colours are the caller's.
 */
export function formatProblem(problem: Problem, source?: string): string {
  const hint = problem.hint ? ` (${problem.hint})` : "";
  const kind = problem.severity === "warning" ? "warning: " : "";
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const head = `${place}: ${kind}${problem.message}${hint}`;
  const line = withoutMark(source ?? "").split(/\r?\n/u)[problem.line - 1];
  if (source === undefined || line === undefined) return head;
  const gutter = `${problem.line} | `;
  // Tabs before the caret stay tabs, so that the caret lands under its column whatever the tab width.
  const indent = line.slice(0, problem.column - 1).replace(/[^\t]/gu, " ");
  return `${head}\n  ${gutter}${line}\n  ${" ".repeat(gutter.length)}${indent}^`;
}

function position({ file, line, column }: Position): Position {
  return { file, line, column };
}
