import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { execa } from "execa";
import { buildGuestKernel, CannotBuild } from "../../harness/world/kernel/build.js";
import { readRecord } from "../../harness/world/kernel/cache.js";
import { absentSettings, compileEnvironment, patchTickRate } from "../../harness/world/kernel/compile.js";
import { sourceVersion } from "../../harness/world/kernel/source.js";
import { missingTools } from "../../harness/world/kernel/tools.js";
import { configuration, fakeBuild, fakeSource, fakeTools, listen, program, scratch } from "./kernel-fakes.js";

/** Compiles of a fake make. */
const compiles = (calls: string) =>
  readFileSync(calls, "utf8")
    .split("\n")
    .filter((line) => /\blinux$/.test(line)).length;

test("a source tree becomes an entry of the cache, and the tree given stays as it was", async (t) => {
  const { told, progress } = listen();
  const options = fakeBuild({ progress });
  const before = readFileSync(join(options.source ?? "", "arch/um/Kconfig"), "utf8");
  const { kernel, fresh, record } = await buildGuestKernel(options);
  const entry = join(options.folder, `${options.configuration?.hash}-6.12.117`);
  t.true(fresh);
  t.deepEqual(kernel, { path: join(entry, "linux"), hash: options.configuration?.hash ?? "", version: "6.12.117" });
  t.deepEqual(readdirSync(entry).sort(), ["config", "guest.json", "linux"]);
  t.like(readRecord(entry), { schema: "mqoe-guest/1", version: "6.12.117", source: options.source, absent: [] });
  t.regex(record?.sha256 ?? "", /^[0-9a-f]{64}$/);
  t.is(statSync(kernel.path).mode & 0o777, 0o755);
  t.true(readFileSync(join(entry, "config"), "utf8").includes("CONFIG_HZ=250"));
  t.is(readFileSync(join(options.source ?? "", "arch/um/Kconfig"), "utf8"), before);
  t.deepEqual(readdirSync(options.folder), [`${options.configuration?.hash}-6.12.117`]);
  t.deepEqual(told.counts, [1, 2, 3]);
  t.regex(told.stages.join("; "), /^copying .*; configuring; compiling with 2 jobs; clearing up$/);
});

test("what is there is found at once, without make; --force builds it again", async (t) => {
  const { env, calls } = fakeTools();
  const options = fakeBuild({ env });
  await buildGuestKernel(options);
  t.is(compiles(calls), 1);
  t.like(await buildGuestKernel(options), { fresh: false });
  t.is(compiles(calls), 1);
  t.like(await buildGuestKernel({ ...options, force: true }), { fresh: true });
  t.is(compiles(calls), 2);
});

test("a cached kernel that does not run here is built again", async (t) => {
  const { told, progress } = listen();
  const options = fakeBuild({ progress });
  const { kernel } = await buildGuestKernel(options);
  writeFileSync(kernel.path, "#!/bin/sh\necho no GLIBC_2.99 >&2\nexit 1\n");
  t.like(await buildGuestKernel(options), { fresh: true });
  t.regex(told.notes.join(), /does not run on this machine and is built again: .*GLIBC_2\.99/su);
});

test("a compiler that fails: its last lines and the log are named, and nothing half-built is left", async (t) => {
  const body = "echo 'fs/file4.c:7: error: the fake says no' >&2; exit 2";
  const options = fakeBuild({ env: fakeTools(body).env });
  const error = await t.throwsAsync(buildGuestKernel(options));
  t.regex(error.message, /^make ARCH=um SUBARCH=x86_64 .*-j2 linux ended with exit code 2:\n.*the fake says no/su);
  const log = /the whole log: (\S+)/u.exec(error.message)?.[1] ?? "";
  t.true(readFileSync(log, "utf8").includes("CC      fs/file3.o"));
  t.deepEqual(readdirSync(options.folder), [`failed-${options.configuration?.hash}.log`]);
  await buildGuestKernel({ ...options, env: fakeTools().env });
  t.false(existsSync(log));
});

test("an abort ends the compiler with all its children and leaves nothing", async (t) => {
  const started = join(scratch(), "pid");
  // The sleep stands for cc1: a grandchild that make does not wait for.
  const { env } = fakeTools(`sleep 300 & echo $! >${started}.new; mv ${started}.new ${started}; wait`);
  const abort = new AbortController();
  const options = fakeBuild({ env, signal: abort.signal });
  const build = buildGuestKernel(options);
  build.catch(() => {});
  while (!existsSync(started)) await new Promise((resolve) => setTimeout(resolve, 20));
  abort.abort(new Error("enough"));
  const error = await t.throwsAsync(build);
  t.is(error.message, "enough");
  t.deepEqual(readdirSync(options.folder), []);
  t.false(isRunning(Number(readFileSync(started, "utf8"))));
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s*Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("two builders at once: one compiles, the other waits and takes what is there", async (t) => {
  const { env, calls } = fakeTools("sleep 0.3");
  const { told, progress } = listen();
  const options = fakeBuild({ env, progress });
  const built = await Promise.all([buildGuestKernel(options), buildGuestKernel(options)]);
  t.deepEqual(built.map(({ fresh }) => fresh).sort(), [false, true]);
  t.is(compiles(calls), 1);
  t.deepEqual(told.notes, [`process ${process.pid} is building it already: waiting for that`]);
  t.is(readdirSync(options.folder).length, 1);
});

test("the lock and the working folder of a builder that was killed are no obstacle, and go", async (t) => {
  const options = fakeBuild();
  mkdirSync(options.folder, { recursive: true });
  const dead = "4194303_1_00000000-0000-0000-0000-000000000000";
  symlinkSync(dead, join(options.folder, `.lock-${options.configuration?.hash}`));
  mkdirSync(join(options.folder, `.building-${dead}.abc`, "source"), { recursive: true });
  t.like(await buildGuestKernel(options), { fresh: true });
  t.is(readdirSync(options.folder).length, 1);
});

test("too little disk is said before anything is made", async (t) => {
  const options = fakeBuild({ freeBytes: () => 3e8 });
  const error = await t.throwsAsync(buildGuestKernel(options), { instanceOf: CannotBuild });
  t.regex(error.message, /guest has 0\.3 GB free; building the guest kernel needs 2\.2 GB/);
  t.deepEqual(readdirSync(options.folder), []);
});

test("missing tools are named together, with the line that installs them", (t) => {
  const bin = scratch();
  for (const name of ["gcc", "make", "ld", "strip", "tar", "gzip", "xz", "apt-get", "dpkg-deb"]) program(bin, name, "");
  const message = missingTools({ PATH: bin }, false) ?? "";
  t.regex(
    message,
    /needs flex, bison, bc, which this machine lacks; install it with: sudo apt-get install flex bison bc$/,
  );
  for (const name of ["flex", "bison", "bc"]) program(bin, name, "");
  t.is(missingTools({ PATH: bin }, false), null);
});

test("without apt: --source, and what it may be; with --source nothing of apt's is needed", (t) => {
  const bin = scratch();
  for (const name of ["gcc", "make", "ld", "strip", "tar", "gzip", "xz", "flex", "bison"]) program(bin, name, "");
  t.regex(missingTools({ PATH: bin }, false) ?? "", /without apt, give .*--source DIR\|TARBALL .*6\.6 on.* bc$/);
  t.regex(missingTools({ PATH: bin }, true) ?? "", /needs bc, .*apt-get install bc$/);
});

test("a package that apt does not know leads to --source", async (t) => {
  const { env } = fakeTools();
  const bin = scratch();
  program(bin, "apt-get", "#!/bin/sh\necho 'E: Unable to locate package' >&2\nexit 100\n");
  program(bin, "dpkg-deb", "#!/bin/sh\n");
  const options = fakeBuild({ source: null, env: { ...env, PATH: `${bin}:${env.PATH}` } });
  const error = await t.throwsAsync(buildGuestKernel(options));
  t.regex(error.message, /^apt knows no package linux-source-6\.12 here .*--source DIR\|TARBALL/);
  t.deepEqual(readdirSync(options.folder), []);
});

test("Debian's package: downloaded, unpacked, built, and the entry is the recipe's own", async (t) => {
  const { env } = fakeTools();
  const bin = scratch();
  const tree = fakeSource();
  const name = "linux-source-6.12_6.12.117-1_all.deb";
  program(
    bin,
    "apt-get",
    `#!/bin/sh\ncase $* in *--print-uris*) echo "'http://x/${name}' ${name} 7 SHA256:0";; *) echo package >${name};; esac\n`,
  );
  program(
    bin,
    "dpkg-deb",
    `#!/bin/sh\nmkdir -p $3/usr/src && tar -cJf $3/usr/src/linux-source-6.12.tar.xz -C ${tree}/.. $(basename ${tree})\n`,
  );
  const { told, progress } = listen();
  const options = fakeBuild({ source: null, progress, env: { ...env, PATH: `${bin}:${env.PATH}` } });
  const { kernel, record } = await buildGuestKernel(options);
  t.is(kernel.path, join(options.folder, options.configuration?.hash ?? "", "linux"));
  t.is(record?.source, "linux-source-6.12 6.12.117-1");
  t.regex(told.stages[0] ?? "", /^downloading linux-source-6\.12 6\.12\.117-1 \(0 MB\) with apt$/);
  t.like(await buildGuestKernel(options), { fresh: false, kernel });
});

test("apt's lists are out of date: root refreshes them once, others are told what apt said", async (t) => {
  const { env } = fakeTools();
  const bin = scratch();
  const name = "linux-source-6.12_6.12.117-1_all.deb";
  const apt = `#!/bin/sh
echo "$1" >>${bin}/apt-calls
case $* in
  *--print-uris*) echo "'http://x/${name}' ${name} 7 SHA256:0" ;;
  download*) echo "E: 404 Not Found" >&2; exit 100 ;;
esac
`;
  program(bin, "apt-get", apt);
  program(bin, "dpkg-deb", "#!/bin/sh\n");
  const options = fakeBuild({ source: null, env: { ...env, PATH: `${bin}:${env.PATH}` } });
  const error = await t.throwsAsync(buildGuestKernel(options));
  t.regex(error.message, /^apt-get download -q linux-source-6\.12 ended with exit code 100:\n.*404 Not Found/su);
  const updates = readFileSync(join(bin, "apt-calls"), "utf8")
    .split("\n")
    .filter((word) => word === "update").length;
  t.is(updates, process.getuid?.() === 0 ? 1 : 0);
});

test("a tarball is as good as a tree", async (t) => {
  const tree = fakeSource("6.9.3");
  const tarball = join(scratch(), "linux-6.9.3.tar.xz");
  await execa("tar", ["-cJf", tarball, "-C", join(tree, ".."), tree.split("/").at(-1) ?? ""]);
  const options = fakeBuild({ source: tarball });
  const { kernel } = await buildGuestKernel(options);
  t.is(kernel.path, join(options.folder, `${options.configuration?.hash}-6.9.3`, "linux"));
});

test("what is no source, or too old a one, is refused with what is allowed", async (t) => {
  const refuse = async (source: string) => (await t.throwsAsync(buildGuestKernel(fakeBuild({ source })))).message;
  t.regex(await refuse("/nope"), /^there is no \/nope; --source takes/);
  t.regex(await refuse(scratch()), /has no Makefile, Kconfig, arch\/um\/Kconfig; --source takes the folder/);
  const file = join(scratch(), "kernel.zip");
  writeFileSync(file, "");
  t.regex(await refuse(file), /kernel\.zip is no tarball/);
  t.regex(await refuse(fakeSource("6.1.90")), /the source is Linux 6\.1\.90; the guest needs 6\.6 or newer/);
  t.is(sourceVersion(fakeSource("6.6.0")), "6.6.0");
});

test("a setting that does not take effect fails the build by name; an optional one is noted", async (t) => {
  const wanted = configuration("CONFIG_A=y\nCONFIG_NO_SUCH_THING=y\n");
  const error = await t.throwsAsync(buildGuestKernel(fakeBuild({ configuration: wanted })));
  t.regex(error.message, /CONFIG_NO_SUCH_THING did not take effect/);
  t.deepEqual(absentSettings(["CONFIG_A=y", "# CONFIG_SMP is not set"], "CONFIG_A=y\n"), []);
  t.deepEqual(absentSettings(["CONFIG_A=y", "# CONFIG_SMP is not set"], "CONFIG_SMP=y\n"), ["CONFIG_A", "CONFIG_SMP"]);
});

test("a tick rate that cannot be set stops the build", async (t) => {
  const source = fakeSource("6.12.1", "config OTHER\n\tint\n\tdefault 100\n");
  const error = await t.throwsAsync(buildGuestKernel(fakeBuild({ source })));
  t.regex(error.message, /arch\/um\/Kconfig has no "config HZ" with a default to change to 250/);
  const tree = fakeSource();
  patchTickRate(join(tree, "arch/um/Kconfig"));
  t.regex(
    readFileSync(join(tree, "arch/um/Kconfig"), "utf8"),
    /config HZ\n\tint\n\tdefault 250\n\nconfig NR_CPUS\n\tint\n\tdefault 1\n/,
  );
});

test("make sees neither a make above it nor the user's flags, and nothing of the machine gets into the kernel", (t) => {
  const env = compileEnvironment({
    PATH: "/bin",
    HOME: "/h",
    MAKEFLAGS: "-j --jobserver-auth=3,4",
    ARCH: "arm",
    CFLAGS: "-O9",
  });
  t.deepEqual(Object.keys(env).sort(), [
    "HOME",
    "KBUILD_BUILD_HOST",
    "KBUILD_BUILD_TIMESTAMP",
    "KBUILD_BUILD_USER",
    "LC_ALL",
    "PATH",
  ]);
});
