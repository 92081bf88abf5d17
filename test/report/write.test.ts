import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { ReportError, renderJson, writeReports } from "../../harness/report/index.js";
import { makeInput } from "./fixtures.js";

function scratch(t: { teardown: (f: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-report-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const input = makeInput({ clients: 2 });

test("results are written in the documented order of keys, the same bytes for the same results", (t) => {
  const text = renderJson(input.results);
  const parsed = JSON.parse(text);
  t.deepEqual(parsed, JSON.parse(JSON.stringify(input.results)));
  t.deepEqual(Object.keys(parsed), ["schema", "verdict", "cases"]);
  t.deepEqual(
    Object.keys(parsed.cases[0]),
    "id scenario title matrix world dataplane verdict reason wall_s accounting metrics by expectations runs".split(" "),
  );
  t.deepEqual(Object.keys(parsed.cases[0].accounting), ["in", "duplicated", "out", "dropped", "held", "unaccounted"]);
  const names = Object.keys(parsed.cases[0].metrics);
  t.deepEqual(names, names.toSorted());
  const shuffled = { ...input.results, cases: input.results.cases.map((c) => ({ extra: 1, ...c })) };
  const again = renderJson(shuffled as typeof input.results);
  t.is(again.replace(/,\n {6}"extra": 1/u, ""), text, "what is not known yet comes last and is not lost");
});

test("a full device is an error that names file, call and errno, and the other reports are written", async (t) => {
  const folder = scratch(t);
  const page = join(folder, "report.html");
  const { written, errors } = await writeReports(input, { json: "/dev/full", html: page });
  t.deepEqual(written, [page]);
  t.true(statSync(page).size > 50_000);
  t.is(errors.length, 1);
  const [error] = errors;
  t.true(error instanceof ReportError);
  t.like(error, { file: "/dev/full", code: "ENOSPC", errno: 28, syscall: "write" });
  t.regex(
    error?.message ?? "",
    /^cannot write the report \/dev\/full \([\d.]+ kB\): write: no space left on device \(ENOSPC, errno 28\)\. Free some space .* `mqoe report` makes every report again\.$/u,
  );
  t.true(statSync("/dev/full").isCharacterDevice(), "the device is still a device");
});

test("reports are replaced whole, through links, in folders that are made", async (t) => {
  const folder = scratch(t);
  const real = join(folder, "a", "b", "results.json");
  t.deepEqual(await writeReports(input, { json: real }), { written: [real], errors: [] });
  const link = join(folder, "link.json");
  symlinkSync(real, link);
  writeFileSync(real, "old");
  await writeReports(input, { json: [link, join(folder, "second.json")] });
  t.is(readFileSync(real, "utf8"), renderJson(input.results));
  t.is(readFileSync(join(folder, "second.json"), "utf8"), renderJson(input.results));
  t.deepEqual(readdirSync(join(folder, "a", "b")), ["results.json"], "no temporary file stays");
});

test("what cannot be written leaves nothing behind", async (t) => {
  const folder = scratch(t);
  writeFileSync(join(folder, "file"), "");
  const cases: [string, string][] = [
    [folder, "EISDIR"],
    [join(folder, "file", "results.json"), "EEXIST"],
    [join(folder, `${"n".repeat(300)}.json`), "ENAMETOOLONG"],
  ];
  for (const [file, code] of cases) {
    const { written, errors } = await writeReports(input, { json: file });
    t.deepEqual(written, []);
    t.is(errors[0]?.code, code);
    t.true(errors[0]?.message.includes(file));
    t.true((errors[0]?.errno ?? 0) > 0);
  }
  t.deepEqual(readdirSync(folder), ["file"]);
  t.false(existsSync(join(folder, "file", "results.json")));
});
