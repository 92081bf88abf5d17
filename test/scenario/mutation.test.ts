import { readFileSync } from "node:fs";
import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { EXAMPLE } from "../../harness/scenario/reference-text.js";
import { type Rng, seededRng } from "../../harness/stats/index.js";
import { GOOD, load } from "./helpers.js";

/** Pieces that mean something to TOML or to the language: they reach further than random bytes do. */
const PIECES = [
  ..."[]{}=.,\"'#\n\t-_*?/%0é\u0000\\",
  ...["[[", "]]", '""', "'''", "true", "1e999", "nan", "2020-01-01", "__proto__", "constructor", "discipline", "kind"],
  ...[
    "matrix",
    "extends",
    "expect",
    "of share",
    "over base",
    "0ms",
    "-1",
    "99999999999999999999",
    "home",
    "tower/*",
    "[^",
    "((",
  ],
];

/** One to four edits: cut, doubled, moved, or replaced by a piece. */
function mutate(text: string, random: Rng): string {
  let mutated = text;
  for (let edits = random.integer(1, 4); edits > 0; edits--) {
    const start = random.integer(0, mutated.length);
    const end = Math.min(mutated.length, start + random.integer(0, 12));
    const piece = PIECES[random.integer(0, PIECES.length - 1)] ?? "";
    const slice = mutated.slice(start, end);
    const insert = [piece, "", slice + slice, piece + slice][random.integer(0, 3)] ?? "";
    mutated = mutated.slice(0, start) + insert + mutated.slice(end);
  }
  return mutated;
}

const HOME = readFileSync("scenarios/base/home.toml", "utf8");
const SEEDS = [GOOD, EXAMPLE, readFileSync("scenarios/quickstart/compare.toml", "utf8")];

test("whatever a file says, the answer is cases or problems with a place, never an exception", (t) => {
  const random = seededRng(20_260_601);
  let passed = 0;
  for (let round = 0; round < 3000; round++) {
    const text = mutate(SEEDS[round % SEEDS.length] ?? "", random);
    const base = round % 4 === 0 ? mutate(GOOD, random) : GOOD;
    const { cases, problems } = load({ "s/home.toml": text, "s/home-line.toml": base, "base/home.toml": HOME });
    for (const { line, column, file, message } of problems) {
      const sound = line >= 1 && column >= 1 && file !== "" && message !== "" && !message.includes("undefined");
      if (!sound) t.fail(`${JSON.stringify({ file, line, column, message })} of\n${text}`);
    }
    if (problems.every(({ severity }) => severity === "warning") && cases.length === 0)
      t.fail(`neither cases nor problems of\n${text}`);
    // Whatever passes the checks can be built: the blueprint finds no hole either.
    for (const each of cases) JSON.stringify(makeBlueprint(each, { lab: "mq-fuzz", seed: round, cores: 2 }));
    passed += cases.length > 0 ? 1 : 0;
  }
  // Both ways are taken, or the test tests nothing.
  t.true(passed > 100 && passed < 2900, `${passed} of 3000 passed the checks`);
});

test("whatever an override or a filter says, it is no exception either", (t) => {
  const random = seededRng(7);
  const text = `${GOOD}\n[matrix.sqm]\na = {}\nb = { repeat = 2 }\n`;
  for (let round = 0; round < 1500; round++) {
    const set = [mutate("plan.home.down=20mbit", random), mutate('traffic.bulk.from=["home-1"]', random)];
    const { problems } = load(text, { set, filter: mutate("tag=x sqm!=a", random) });
    t.true(problems.every(({ message }) => message !== ""));
  }
});
