import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { parse } from "yaml";
import yargs, { type CommandModule } from "yargs";
import { doctor } from "../../harness/cli/doctor.js";
import { run } from "../../harness/cli/run.js";

/** The examples for CI systems say only what this mqoe understands. */
const EXAMPLES = ["docs/ci/github-hermetic.yml", "docs/ci/gitlab-hermetic.yml"];

const commandsIn = (text: string): string[] =>
  [...text.matchAll(/npx mqoe ([^\n")]+)/g)].map(([, words = ""]) => words.trim());

/** As the command line would read it, without doing it. Throws what it would refuse. */
function readWords(words: string[]): unknown {
  const known = { run, doctor } as Record<string, unknown> as Record<string, CommandModule>;
  const command = known[words[0] ?? ""];
  if (command === undefined) throw new Error(`the test knows no command ${words[0]}`);
  return yargs(words)
    .command({ ...command, handler() {} })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseSync();
}

for (const file of EXAMPLES) {
  test(`${file} parses, and each mqoe and make line in it is accepted`, async (t) => {
    const text = readFileSync(file, "utf8");
    t.is(typeof parse(text), "object");
    const commands = commandsIn(text);
    t.true(commands.length >= 2 && commands.some((line) => line.startsWith("run --world hermetic ")), commands.join());
    for (const line of commands) {
      const words = line.split(" ");
      for (const path of words.filter((word) => word.startsWith("scenarios/"))) t.true(existsSync(path), path);
      if (words[0] !== "world") t.notThrows(() => readWords(words), line);
      else t.is((await execa("node", [join("dist", "harness", "cli", "main.js"), ...words])).exitCode, 0, line);
    }
    const makefile = readFileSync("Makefile", "utf8");
    for (const [, target] of text.matchAll(/\bmake (\w+)/g)) t.regex(makefile, new RegExp(`^${target}:`, "m"));
  });
}

test("what the examples take for the key of the cache is what names a kernel", (t) => {
  const { hermetic } = parse(readFileSync("docs/ci/gitlab-hermetic.yml", "utf8"));
  for (const file of hermetic.cache.key.files) t.true(existsSync(file), file);
  const { jobs } = parse(readFileSync("docs/ci/github-hermetic.yml", "utf8"));
  const steps: { id?: string; run?: string }[] = jobs.hermetic.steps;
  t.regex(steps.find(({ id }) => id === "guest")?.run ?? "", /world status --key/);
});

test("the check above can fail", (t) => {
  t.throws(() => readWords(["run", "--world", "hermetic", "x.toml", "--junti", "a"]), { message: /junti/ });
  t.throws(() => readWords(["doctor", "--world", "hermitic"]), { message: /hermitic/ });
});
