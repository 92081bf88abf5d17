import { stringify } from "@iarna/toml";
import type { Loaded } from "./load.js";
import { BOUND_OPS } from "./schema.js";
import { type Plain, toPlain } from "./tree.js";

type Table = { [key: string]: Plain };

/**
 * The scenario of one case as a file of its own: everything it extends merged in, the matrix and `--set` applied, so
 * that it runs again by itself and gives the same case. Expectations of other cells are left out, and so are bounds
 * relative to another cell: alone there is none.
 */
export function renderToml({ merged, cases }: Loaded, id: string): string {
  const tree = merged.get(id);
  const of = cases.find((each) => each.id === id);
  if (!tree || !of) throw new Error(`mqoe: there is no case "${id}" to render; please report this`);
  const { expect, ...rest } = toPlain(tree) as Table;
  const own = Array.isArray(expect) ? (expect as Table[]).filter((each) => standsAlone(each, of.matrix)) : [];
  const expectations = own.map(({ when: _, ...each }) => each);
  const document = { title: of.title, ...rest, ...(expectations.length > 0 ? { expect: expectations } : {}) };
  const header = `# Case ${id} of ${of.file}, as merged by mqoe.\n\n`;
  return header + stringify(document as Parameters<typeof stringify>[0]);
}

function standsAlone(expectation: Table, matrix: Readonly<Record<string, string>>): boolean {
  const when = (expectation.when ?? {}) as Table;
  const here = Object.entries(when).every(([axis, values]) => {
    return (Array.isArray(values) ? values : [values]).includes(matrix[axis] ?? "");
  });
  const bounds = BOUND_OPS.map((op) => expectation[op]);
  return here && !bounds.some((bound) => typeof bound === "string" && /\sover\s/u.test(bound));
}
