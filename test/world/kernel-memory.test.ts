import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { memoryFolder } from "../../harness/world/kernel/memory-folder.js";

const NEEDED = 1 << 30;
const plenty = () => 1e12;
const mount = (point: string, options: string) => `36 35 98:0 / ${point} ${options} shared:1 - tmpfs tmpfs rw`;
const ROOT = mount("/", "rw,relatime");

test("/dev/shm is the first choice; $TMPDIR when a container's is too small", (t) => {
  const own = mkdtempSync(join(tmpdir(), "mqoe-memory-"));
  const env = { TMPDIR: own };
  const mounts = [ROOT, mount("/dev/shm", "rw,nosuid,nodev")].join("\n");
  t.deepEqual(memoryFolder(NEEDED, { env, mounts, freeBytes: plenty }), { folder: "/dev/shm" });
  const small = (folder: string) => (folder === "/dev/shm" ? 64 << 20 : 1e12);
  t.deepEqual(memoryFolder(NEEDED, { env, mounts, freeBytes: small }), { folder: own });
});

test("a folder on a noexec mount is passed over: the deepest mount counts, of two at one point the later", (t) => {
  const noexec = mount("/dev/shm", "rw,nosuid,nodev,noexec");
  const choose = (...lines: string[]) => memoryFolder(NEEDED, { env: {}, mounts: lines.join("\n"), freeBytes: plenty });
  t.deepEqual(choose(ROOT, noexec), { folder: "/tmp" });
  t.deepEqual(choose(noexec, mount("/", "rw,noexec"), mount("/tmp", "rw")), { folder: "/tmp" });
  t.deepEqual(choose(ROOT, noexec, mount("/dev/shm", "rw")), { folder: "/dev/shm" });
  t.deepEqual(choose(ROOT, mount("/dev/sh", "rw,noexec")), { folder: "/dev/shm" });
});

test("no folder at all: each is named with its reason, and what to do", (t) => {
  const mounts = [ROOT, mount("/dev/shm", "rw,noexec")].join("\n");
  const found = memoryFolder(NEEDED, { env: { TMPDIR: "/nope" }, mounts, freeBytes: () => 64e6 });
  t.true("problem" in found);
  const problem = "problem" in found ? found.problem : "";
  t.regex(problem, /needs 1073 MB/);
  t.regex(
    problem,
    /\/dev\/shm is mounted noexec, \/nope does not exist, \/tmp has 64 MB free, \/var\/tmp has 64 MB free/,
  );
  t.regex(problem, /--shm-size=2g/);
});

test("this machine's own table of mounts can be read", (t) => {
  t.true("folder" in memoryFolder(1));
});
