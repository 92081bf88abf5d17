import { type Position, Problems } from "./problem.js";
import { didYouMean, oneOf } from "./suggest.js";
import type { Case } from "./types.js";

/**
 * `--filter EXPR`: terms separated by spaces, all of which must hold. A term is `key=regex` or `key!=regex`; keys are
 * `id`, `tag` (any of them) and the axes of the matrix; a term without `=` is matched against the id. Regular
 * expressions are JavaScript's, unanchored.
 */
interface Term {
  key: string;
  negated: boolean;
  regex: RegExp;
}

const TERM = /^([A-Za-z0-9_.-]+)(!?=)(.*)$/u;

export function filterCases(cases: readonly Case[], expression: string, problems: Problems): Case[] {
  const at = { file: `--filter ${expression}`, line: 1, column: 1 };
  const terms = parseTerms(expression, at, problems);
  const axes = [...new Set(cases.flatMap((each) => Object.keys(each.matrix)))];
  for (const term of terms) if (term) checkKey(term.key, axes, at, problems);
  return cases.filter((each) => terms.every((term) => term && holds(term, each)));
}

/** Whether one case will be kept, asked before it is one. A filter that is wrong keeps none; filterCases tells of it. */
export function keeps(expression: string, one: Pick<Case, "id" | "tags" | "matrix">): boolean {
  const terms = parseTerms(expression, { file: "", line: 1, column: 1 }, new Problems());
  return terms.every((term) => term && holds(term, one));
}

function parseTerms(expression: string, at: Position, problems: Problems): (Term | undefined)[] {
  const words = expression.split(/\s+/u).filter(Boolean);
  return words.map((text) => parseTerm(text, at, problems));
}

function parseTerm(text: string, at: Position, problems: Problems): Term | undefined {
  const [, key = "id", operator = "=", pattern = text] = TERM.exec(text) ?? [];
  try {
    return { key, negated: operator === "!=", regex: new RegExp(pattern, "u") };
  } catch (error) {
    problems.error(at, `"${pattern}" is no regular expression: ${(error as Error).message}`);
    return undefined;
  }
}

function checkKey(key: string, axes: readonly string[], at: Position, problems: Problems): void {
  const known = ["id", "tag", ...axes];
  if (known.includes(key)) return;
  problems.error(at, `there is no "${key}" to filter by; ${didYouMean(key, known)}allowed: ${oneOf(known)}`);
}

function holds({ key, negated, regex }: Term, { id, tags, matrix }: Pick<Case, "id" | "tags" | "matrix">): boolean {
  const values = key === "id" ? [id] : key === "tag" ? tags : Object.hasOwn(matrix, key) ? [matrix[key] ?? ""] : [];
  return values.some((value) => regex.test(value)) !== negated;
}
