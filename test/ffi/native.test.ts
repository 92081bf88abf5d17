import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { clockMonotonic, findNative, NativeCallError, NativeMissing } from "../../harness/ffi/native.js";
import { findRoot } from "../../harness/ffi/package.js";
import { Spool } from "../../harness/ffi/spool.js";

test.serial("the native parts are found from the package's root, or where MQOE_NATIVE_DIR says", (t) => {
  const before = process.env.MQOE_NATIVE_DIR;
  t.teardown(() => {
    if (before === undefined) delete process.env.MQOE_NATIVE_DIR;
    else process.env.MQOE_NATIVE_DIR = before;
  });
  delete process.env.MQOE_NATIVE_DIR;
  t.true(existsSync(join(findRoot(), "package.json")));
  t.is(findNative().binary, join(findRoot(), "build/native/mqoe-native"));

  const folder = mkdtempSync(join(tmpdir(), "mqoe-native-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  process.env.MQOE_NATIVE_DIR = folder;
  const missing = t.throws(findNative, { instanceOf: NativeMissing });
  t.is(missing?.message, `${folder}/libmqoe.so does not exist; MQOE_NATIVE_DIR must name the folder that holds it`);
  for (const name of ["libmqoe.so", "mqoe-native"]) writeFileSync(join(folder, name), "");
  t.is(findNative().library, join(folder, "libmqoe.so"));
});

test("the clock is the one that Node reads, in nanoseconds", (t) => {
  const [before, now, after] = [process.hrtime.bigint(), clockMonotonic(), process.hrtime.bigint()];
  t.true(Number.isSafeInteger(now));
  t.true(now >= Number(before) && now <= Number(after));
});

test.serial("a spool says what was wrong, and ends when told", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mqoe-spool-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const nowhere = t.throws(() => Spool.start(join(folder, "none"), 1000), { instanceOf: NativeCallError });
  t.is(nowhere?.message, `mqoe_spool_start ${folder}/none: ENOENT`);
  const spool = Spool.start(folder, 1000);
  t.is(t.throws(() => Spool.start(folder, 1000), { instanceOf: NativeCallError })?.code, "EBUSY");
  t.is(t.throws(() => spool.add("/proc/self/exe"), { instanceOf: NativeCallError })?.code, "EBADMSG");
  t.is(spool.view(0), null);
  t.is(spool.stop(), 0);
  t.is(t.throws(() => spool.stop(), { instanceOf: NativeCallError })?.code, "EBADF");
});
