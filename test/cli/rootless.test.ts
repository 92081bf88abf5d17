import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";

/** The commands that need no privileges and no native part, as a user runs them. */
const MAIN = join("dist", "harness", "cli", "main.js");

async function mqoe(...args: string[]) {
  const { exitCode, stdout, stderr } = await execa("node", [MAIN, ...args], { reject: false, env: { NO_COLOR: "1" } });
  return { exitCode, stdout, stderr };
}

function folder(files: Record<string, string> = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "mqoe-cli-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test("check: all scenarios of the repository", async (t) => {
  const { exitCode, stdout, stderr } = await mqoe("check", "scenarios");
  t.deepEqual([exitCode, stderr], [0, ""]);
  const [, cases, files] = /^ok: (\d+) cases in (\d+) files$/u.exec(stdout) ?? [];
  t.true(Number(cases) >= 7 && Number(files) >= 5, stdout);
});

test("check: a problem is shown with its line and a caret; exit code 2", async (t) => {
  const dir = folder({ "bad.toml": 'extends = "good.toml"\n\n[traffic.bulk]\nflow = 4\n' });
  writeFileSync(join(dir, "good.toml"), readFileSync("scenarios/base/home.toml"));
  const { exitCode, stdout, stderr } = await mqoe("check", join(dir, "bad.toml"));
  t.is(exitCode, 2);
  t.is(stdout, "");
  t.deepEqual(stderr.replaceAll(`${dir}/`, "").split("\n"), [
    "bad.toml:3:10: traffic.bulk.kind: is missing; allowed: tcp, udp, probe, rpm, voip, web, video, game, exec",
    "  3 | [traffic.bulk]",
    "               ^",
    "1 problem in 1 place",
  ]);
});

test("check: --set is checked as well", async (t) => {
  const { exitCode, stderr } = await mqoe(
    "check",
    "scenarios/quickstart/rrul.toml",
    "--set",
    "plan.home.down=20 potatoes",
  );
  t.is(exitCode, 2);
  t.regex(stderr, /^--set plan\.home\.down=20 potatoes:1:16: plan\.home\.down: "20 potatoes" is not a rate/u);
});

test("list: cases with their length and tags; as JSON for programs", async (t) => {
  const { stdout, exitCode } = await mqoe("list", "scenarios/quickstart", "--filter", "tag=compare queue!=ecn");
  t.is(exitCode, 0);
  t.deepEqual(stdout.split("\n"), [
    "One home, three queues: what an AQM does, and what ECN adds",
    "  compare[queue=fq_codel]  12 s  quickstart compare",
    "  compare[queue=pfifo]  12 s  quickstart compare",
    "",
    "2 cases, 24 s of runs",
  ]);
  const { stdout: json } = await mqoe("list", "scenarios/quickstart/compare.toml", "--json");
  t.like(JSON.parse(json)[1], { id: "compare[queue=ecn]", matrix: { queue: "ecn" }, duration_s: 12 });
});

test("blueprint: one case, reproducible; which one must be said when there are several", async (t) => {
  const args = ["blueprint", "scenarios/quickstart/compare.toml", "--cores", "4", "--case"];
  const [first, second] = await Promise.all([mqoe(...args, "compare[queue=ecn]"), mqoe(...args, "compare[queue=ecn]")]);
  t.is(first.stdout, second.stdout);
  const made = JSON.parse(first.stdout);
  t.like(made, { schema: "mqoe-blueprint/1", case: "compare[queue=ecn]" });
  t.true(made.traffic.flows.every(({ ecn }: { ecn: boolean }) => ecn));
  const { exitCode, stderr } = await mqoe("blueprint", "scenarios/quickstart/compare.toml");
  t.is(exitCode, 2);
  t.regex(stderr, /which case\? add --case with one of: compare\[queue=fq_codel\], /u);
});

test("blueprint: one part, as a native process takes it", async (t) => {
  const { stdout } = await mqoe("blueprint", "scenarios/quickstart/rrul.toml", "--part", "traffic", "--seed", "7");
  t.like(JSON.parse(stdout), { schema: "mqoe-traffic/1", seed: 7 });
});

test("schema: what is committed is what is printed", async (t) => {
  for (const what of ["scenario", "results"]) {
    const { stdout } = await mqoe("schema", what);
    t.is(`${stdout}\n`, readFileSync(`schema/${what}.json`, "utf8"));
  }
});

test("init: writes a scenario that passes the checks, and never overwrites", async (t) => {
  const dir = join(folder(), "new");
  const written = await mqoe("init", dir);
  t.is(written.exitCode, 0);
  const file = join(dir, "home.toml");
  const [schema = ""] = readFileSync(file, "utf8").split("\n");
  t.true(JSON.parse(readFileSync(join(dir, schema.replace("#:schema ", "")), "utf8")).title === "mqoe scenario");
  t.like(await mqoe("check", file), { exitCode: 0, stdout: "ok: 1 case in 1 file" });
  writeFileSync(file, "mine");
  const again = await mqoe("init", dir);
  t.is(again.exitCode, 2);
  t.regex(again.stderr, /home\.toml exists and is left as it is; name another folder/u);
  t.is(readFileSync(file, "utf8"), "mine");
});
