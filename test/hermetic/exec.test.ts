import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { home, ROOT, scenario } from "../lab/helpers/mqoe.js";

/** As root, this test gives it up: the hermetic world is for those who have none. */
const USER = process.getuid?.() === 0 ? 65534 : (process.getuid?.() ?? 0);

test("programs on virtual time, without root: as the user of mqoe, ended when their time is over", async (t) => {
  t.timeout(300_000);
  // A day asleep takes no time there; what ignores the wish to end is killed two seconds later.
  const script = 'trap "" TERM; id -u; grep CapEff /proc/self/status; echo n=3; setsid sleep 86400 & sleep 86400';
  const toml = `${home({ duration: "30s" })}
[traffic.tool]
kind = "exec"
from = "home"
to = "web"
command = ["sh", "-c", '''${script}''']
timeout = "20s"
expect_exit = 124
[traffic.tool.metrics]
lines = { regex = "^n=([0-9]+)", unit = "count" }
[[expect]]
metric = "tool.lines"
equals = 3
[[expect]]
metric = "tool.wall"
at_least = "21s"
[[expect]]
metric = "dataplane.unaccounted"
equals = 0
`;
  const folder = mkdtempSync(join(tmpdir(), "mqoe-hermetic-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o777);
  const out = join(folder, "out");
  const args = ["run", "--world", "hermetic", "--allow-exec", scenario(t, "asleep", toml), "--out", out];
  const env = { ...process.env, CI: "1", NO_COLOR: "1", HOME: folder };
  const { code, said } = await new Promise<{ code: number; said: string }>((resolve) => {
    const main = join(ROOT, "dist/harness/cli/main.js");
    const as = { cwd: ROOT, env, uid: USER, gid: process.getuid?.() === 0 ? USER : (process.getgid?.() ?? 0) };
    execFile(process.execPath, [main, ...args], as, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: `${stdout}\n${stderr}` }),
    );
  });
  t.is(code, 0, said);
  const output = readFileSync(join(out, "asleep/run-1/programs/tool.home.out"), "utf8");
  t.deepEqual(output.split("\n").slice(0, 2), [String(USER), "CapEff:\t0000000000000000"]);
});
