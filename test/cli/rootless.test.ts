import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { scratchFolder } from "../scratch.js";

/** The commands that need no privileges and no native part, as a user runs them. */
const MAIN = join("dist", "harness", "cli", "main.js");

async function mqoe(...args: string[]) {
  const { exitCode, stdout, stderr } = await execa("node", [MAIN, ...args], { reject: false, env: { NO_COLOR: "1" } });
  return { exitCode, stdout, stderr };
}

function folder(files: Record<string, string> = {}): string {
  const dir = scratchFolder("mqoe-cli-");
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

test.serial("check: all scenarios of the repository", async (t) => {
  const { exitCode, stdout, stderr } = await mqoe("check", "scenarios", "--allow-exec");
  t.deepEqual([exitCode, stderr], [0, ""]);
  const [, cases, files] = /^ok: (\d+) cases in (\d+) files$/u.exec(stdout) ?? [];
  t.true(Number(cases) >= 7 && Number(files) >= 5, stdout);
});

test.serial("check: a problem is shown with its line and a caret; exit code 2", async (t) => {
  const dir = folder({ "bad.toml": 'extends = "good.toml"\n\n[traffic.bulk]\nflow = 4\n' });
  writeFileSync(join(dir, "good.toml"), readFileSync("scenarios/base/home.toml"));
  const { exitCode, stdout, stderr } = await mqoe("check", join(dir, "bad.toml"));
  t.is(exitCode, 2);
  t.is(stdout, "");
  const [said, ...rest] = stderr.replaceAll(`${dir}/`, "").split("\n");
  t.regex(said ?? "", /^bad\.toml:3:10: traffic\.bulk\.kind: is missing; allowed: tcp, /u);
  t.deepEqual(rest, ["  3 | [traffic.bulk]", "               ^", "1 problem in 1 file"]);
});

test.serial("check: --set is checked as well", async (t) => {
  const { exitCode, stderr } = await mqoe(
    "check",
    "scenarios/quickstart/rrul.toml",
    "--set",
    "plan.home.down=20 potatoes",
  );
  t.is(exitCode, 2);
  t.regex(stderr, /^--set plan\.home\.down=20 potatoes:1:16: plan\.home\.down: "20 potatoes" is not a rate/u);
});

test.serial("list: cases by suite with what they take live and their tags; as JSON for programs", async (t) => {
  const { stdout, exitCode } = await mqoe("list", "scenarios/quickstart", "--filter", "tag=compare queue!=ecn");
  t.is(exitCode, 0);
  t.deepEqual(stdout.split("\n"), [
    "scenarios/quickstart  2 cases, 25 s live",
    "  One home, three queues: what an AQM does, and what ECN adds",
    "    compare[queue=fq_codel]  12.5 s  quickstart compare nightly",
    "    compare[queue=pfifo]  12.5 s  quickstart compare nightly",
    "",
    "2 cases, 25 s live",
  ]);
  const { stdout: json } = await mqoe("list", "scenarios/quickstart/compare.toml", "--json");
  t.like(JSON.parse(json)[1], {
    id: "compare[queue=ecn]",
    suite: "scenarios/quickstart",
    matrix: { queue: "ecn" },
    duration_s: 12,
    expected_wall_s: 12.5,
    needs: [],
  });
});

test.serial("blueprint: one case, reproducible; which one must be said when there are several", async (t) => {
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

test.serial("blueprint --world hermetic: what a guest is given, on every machine the same", async (t) => {
  const { stdout } = await mqoe("blueprint", "--world", "hermetic", "scenarios/quickstart/rrul.toml");
  const made = JSON.parse(stdout);
  t.like(made, { world: "hermetic", lab: { name: "hermetic" } });
  const said = ["--world", "hermetic", "--cores", "1", "--lab", "hermetic"];
  t.is((await mqoe("blueprint", ...said, "scenarios/quickstart/rrul.toml")).stdout, stdout);
  t.is(JSON.parse((await mqoe("blueprint", "scenarios/quickstart/rrul.toml")).stdout).world, "live");
});

test.serial("run: options of the other world are refused before any scenario is read", async (t) => {
  for (const option of ["--jobs=2", "--verify-determinism", "--guest-patience=5"]) {
    const { exitCode, stderr } = await mqoe("run", "nowhere.toml", option);
    t.is(exitCode, 2);
    t.regex(stderr, /^mqoe: --[a-z-]+ needs --world hermetic/u);
  }
  const { stderr } = await mqoe("run", "nowhere.toml", "--no-verify-determinism");
  t.regex(stderr, process.getuid?.() === 0 ? /nowhere\.toml/u : /needs root/u);
});

test.serial("blueprint: one part, as a native process takes it", async (t) => {
  const { stdout } = await mqoe("blueprint", "scenarios/quickstart/rrul.toml", "--part", "traffic", "--seed", "7");
  t.like(JSON.parse(stdout), { schema: "mqoe-traffic/1", seed: 7 });
});

test.serial("schema: what is committed is what is printed", async (t) => {
  for (const what of ["scenario", "results"]) {
    const { stdout } = await mqoe("schema", what);
    t.is(`${stdout}\n`, readFileSync(`schema/${what}.json`, "utf8"));
  }
});

test.serial("init: writes a scenario that passes the checks, and never overwrites", async (t) => {
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

test.serial("init: a file's name and a place where nothing can be made are refused", async (t) => {
  const dir = folder({ "home.toml": "mine" });
  for (const name of ["home.toml", "other.toml"]) {
    const { exitCode, stderr } = await mqoe("init", join(dir, name));
    t.is(exitCode, 2);
    t.regex(stderr, /is a file's name; init takes a folder/u);
  }
  t.false(existsSync(join(dir, "other.toml")));
  const { exitCode, stderr } = await mqoe("init", "/proc/mqoe");
  t.is(exitCode, 2);
  t.regex(stderr, /^mqoe: cannot write \/proc\/mqoe\/home\.toml: E/u);
});

test.serial("check: run folders and node_modules hold no scenarios, unless they are named", async (t) => {
  const good = readFileSync("scenarios/base/home.toml", "utf8");
  const dir = folder({ "mine.toml": 'extends = "base/home.toml"\n' });
  for (const name of ["base", "reports/x/mine", "node_modules/y"]) mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, "base/home.toml"), good);
  writeFileSync(join(dir, "reports/x/run.json"), "{}");
  for (const name of ["reports/x/mine", "node_modules/y"]) writeFileSync(join(dir, name, "scenario.toml"), good);
  t.like(await mqoe("list", dir), { exitCode: 0 });
  t.regex((await mqoe("list", dir)).stdout, /\n1 case, /u);
  t.regex((await mqoe("list", join(dir, "reports/x"))).stdout, /\n1 case, /u);
});

test.serial("--set takes one value and leaves the files behind it; each wants one", async (t) => {
  const file = "scenarios/quickstart/rrul.toml";
  t.like(await mqoe("check", "--set", "plan.home.down=30mbit", file), { exitCode: 0, stdout: "ok: 1 case in 1 file" });
  t.like(await mqoe("check", file, "--set"), { exitCode: 2 });
  t.like(await mqoe("check", file, "--set", ""), { exitCode: 2 });
  t.like(await mqoe("run", file, "--out"), { exitCode: 2 });
  const twice = await mqoe("run", file, "--out", "a", "--out", "b");
  t.deepEqual([twice.exitCode, twice.stderr], [2, "mqoe: --out is given 2 times; it takes one value"]);
});

test.serial("numbers are whole and in range, lab names are names: everything else is refused, exit 2", async (t) => {
  const file = "scenarios/quickstart/rrul.toml";
  const [retries, cores, lab] = await Promise.all([
    mqoe("run", file, "--retries", "abc"),
    mqoe("blueprint", file, "--cores", "0"),
    mqoe("blueprint", file, "--lab", "../../etc"),
  ]);
  t.deepEqual([retries.exitCode, retries.stderr], [2, 'mqoe: --retries "abc" is not a whole number from 0 to 100']);
  t.deepEqual([cores.exitCode, cores.stderr], [2, 'mqoe: --cores "0" is not a whole number from 1 to 1024']);
  t.is(lab.exitCode, 2);
  t.regex(lab.stderr, /^mqoe: --lab: "\.\.\/\.\.\/etc" is no lab name/u);
});

test.serial("a filter that matches nothing: exit 4 with a line", async (t) => {
  for (const command of ["list", "check"]) {
    const { exitCode, stdout, stderr } = await mqoe(command, "scenarios/quickstart", "--filter", "id=nothing");
    t.deepEqual([exitCode, stdout], [4, ""]);
    t.is(stderr, "mqoe: no case matches; mqoe list shows what there is");
  }
});

test.serial("shell and blueprint ask which case, in the same words", async (t) => {
  for (const command of [
    ["shell", "scenarios/quickstart/compare.toml", "home"],
    ["blueprint", "scenarios/quickstart/compare.toml"],
  ]) {
    const { exitCode, stderr } = await mqoe(...command);
    t.is(exitCode, 2);
    t.regex(stderr, /^mqoe: which case\? add --case with one of: compare\[queue=fq_codel\], /u);
  }
});

test.serial("report: what is no run is refused, whatever its run.json says", async (t) => {
  for (const text of ["{}", "nonsense", '{"schema":"mqoe-run/1","cases":["../x"]}', "null"]) {
    const { exitCode, stderr } = await mqoe("report", folder({ "run.json": text }));
    t.is(exitCode, 2);
    t.regex(stderr, /is no run of mqoe \(no run\.json with schema "mqoe-run\/1" in it\)/u);
  }
});

test.serial("output that goes nowhere: a pipe's reader may leave, a full disk is no success", async (t) => {
  const shell = (script: string) => execa("sh", ["-c", script], { reject: false, env: { NO_COLOR: "1" } });
  const pipe = await shell(`{ node ${MAIN} list scenarios --json; echo "code $?" >&2; } | true`);
  t.is(pipe.stderr, "code 0");
  const full = await shell(`node ${MAIN} list scenarios >/dev/full`);
  t.is(full.exitCode, 3);
  t.regex(full.stderr, /^mqoe: standard output is lost: ENOSPC[^\n]*$/u);
});

test.serial("--help: exit codes one a line, no default for what must be given", async (t) => {
  const { stdout } = await mqoe("--help");
  t.regex(stdout, /^ {4}1 {2}an expectation failed, or a control that must fail passed$/mu);
  t.notRegex((await mqoe("run", "--help")).stdout, /default: \[\]/u);
});
