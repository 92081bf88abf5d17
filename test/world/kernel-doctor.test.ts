import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import type { Blueprint } from "../../harness/blueprint/types.js";
import { tryGuest } from "../../harness/health/doctor-world.js";
import type { Recorded } from "../../harness/world/record.js";
import type { World } from "../../harness/world/world.js";
import { program, scratch } from "./kernel-fakes.js";

const doctor = (kernel: string) =>
  execa("node", [join("dist", "harness", "cli", "main.js"), "doctor", "--world", "hermetic"], {
    reject: false,
    env: { NO_COLOR: "1", MQOE_GUEST_KERNEL: kernel },
  });

test("doctor without a guest kernel: what is missing, where it was looked for, exit 3", async (t) => {
  const { exitCode, stdout } = await doctor("/nope/linux");
  t.is(exitCode, 3);
  const lines = stdout.split("\n");
  t.regex(lines[0] ?? "", /^! warn +guest kernel +none$/);
  t.regex(lines[1] ?? "", /→ no guest kernel for the hermetic world; looked at \/nope\/linux .*no such file/);
  t.regex(stdout, /^- skipped +guest trial run +mend the above first$/m);
  t.is(lines.at(-1), "not ready: see above");
  t.notRegex(stdout, /privilege/);
});

test("doctor with a kernel that does not run here says why", async (t) => {
  const folder = scratch();
  program(folder, "linux", "#!/bin/sh\necho version GLIBC_2.99 not found >&2\nexit 1\n");
  const { exitCode, stdout } = await doctor(join(folder, "linux"));
  t.is(exitCode, 3);
  t.regex(stdout, /GLIBC_2\.99 not found/);
});

/** A world whose record() does what it is told. */
function world(record: () => Promise<Recorded>): () => World {
  return () => ({ name: "hermetic", cores: 1, concurrent: true, labName: () => "x", record });
}

test("a guest's trial that ends badly, or cannot be started, is a finding with the reason", async (t) => {
  const { signal } = new AbortController();
  const ended = { reason: "error", error: "the guest did not boot", setUpMs: 0, tearDownMs: 0 } as const;
  const bad = await tryGuest(
    {} as Blueprint,
    signal,
    world(() => Promise.resolve(ended)),
  );
  t.like(bad, { verdict: "warn", found: "the guest did not boot" });
  const thrown = await tryGuest(
    {} as Blueprint,
    signal,
    world(() => Promise.reject(new Error("no room"))),
  );
  t.like(thrown, { verdict: "warn", found: "no room" });
  t.regex(thrown.advice, /world build --force/);
});
