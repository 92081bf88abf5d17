import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { UsageError } from "../../harness/cli/exit.js";
import { datedFolder, emptiedFolder } from "../../harness/cli/out-folder.js";

const RUN = JSON.stringify({ schema: "mqoe-run/1", cases: ["home", "home-2"] });
const NOW = new Date("2026-01-02T03:04:05Z");

function temporary(t: ExecutionContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mqoe-out-")));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder as a run leaves it, with a note that a person put there. */
function earlierRun(folder: string): string {
  mkdirSync(join(folder, "home", "run-1"), { recursive: true });
  for (const name of ["results.json", "report.html", "notes.txt"]) writeFileSync(join(folder, name), "text");
  writeFileSync(join(folder, "run.json"), RUN);
  return folder;
}

test("--out: an earlier run makes room; whatever else is in its folder stays", (t) => {
  const out = earlierRun(join(temporary(t), "out"));
  t.is(emptiedFolder(out), out);
  t.deepEqual(readdirSync(out), ["notes.txt"]);
});

test("--out: files called as ours do not make a folder ours", (t) => {
  const cases = ["", "{}", "[]", '{"schema":"mqoe-run/1"}', '{"schema":"mqoe-run/1","cases":["../keep"]}'];
  for (const text of cases) {
    const out = temporary(t);
    for (const name of ["run.json", "results.json"]) writeFileSync(join(out, name), text);
    t.throws(() => emptiedFolder(out), { instanceOf: UsageError, message: /not empty and not a run of mqoe/ });
    t.deepEqual(readdirSync(out), ["results.json", "run.json"]);
  }
});

test("--out: a file, a path through a file, a place where nothing can be made", (t) => {
  const folder = temporary(t);
  const file = join(folder, "afile.txt");
  writeFileSync(file, "mine");
  for (const out of [file, join(file, "below"), "/proc/mqoe/deep"]) {
    t.throws(() => emptiedFolder(out), { instanceOf: UsageError, message: /^--out .*choose another folder$/ });
  }
  t.is(readFileSync(file, "utf8"), "mine");
});

test("--out: absent folders are made, with those above", (t) => {
  const out = join(temporary(t), "a", "b");
  t.is(emptiedFolder(out), out);
  t.true(existsSync(out));
});

test("--out reports/latest: the run lands where the link leads, and the link stays a link", (t) => {
  const folder = temporary(t);
  const run = earlierRun(join(folder, "first"));
  const latest = join(folder, "latest");
  symlinkSync("first", latest);
  t.is(emptiedFolder(latest), run);
  t.true(lstatSync(latest).isSymbolicLink());
  t.deepEqual(readdirSync(run), ["notes.txt"]);
});

test("runs of the same second have folders of their own; latest points at the last one", (t) => {
  const reports = join(temporary(t), "reports");
  const folders = [1, 2, 3].map(() => datedFolder("scenarios/home.toml", NOW, reports));
  const names = ["", "-2", "-3"].map((end) => join(reports, `2026-01-02-030405-home${end}`));
  t.deepEqual(folders, names);
  t.is(readlinkSync(join(reports, "latest")), "2026-01-02-030405-home-3");
  t.is(readdirSync(reports).length, 4, "no temporary link is left");
});

test("a folder that somebody called latest is left alone", (t) => {
  const reports = temporary(t);
  mkdirSync(join(reports, "latest"));
  writeFileSync(join(reports, "latest", "kept"), "");
  t.true(existsSync(datedFolder("x", NOW, reports)));
  t.deepEqual(readdirSync(join(reports, "latest")), ["kept"]);
});
