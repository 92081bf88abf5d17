import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import {
  cacheFolders,
  cacheKey,
  explainMissing,
  findGuestKernel,
  searchGuestKernel,
} from "../../harness/world/kernel/cache.js";
import { hashOf, parseSettings, readConfiguration } from "../../harness/world/kernel/recipe.js";
import { scratchFolder } from "../scratch.js";

const scratch = () => scratchFolder("mqoe-kernel-");
const configuration = { file: "kernel.config", settings: ["CONFIG_A=y"], hash: "0123456789abcdef" };

/** A kernel as far as the cache can tell: a program with a record beside it. */
function putKernel(folder: string, entry: string, version: string, says = version): string {
  const place = join(folder, entry);
  mkdirSync(place, { recursive: true });
  const path = join(place, "linux");
  writeFileSync(path, `#!/bin/sh\necho ${says}\n`);
  chmodSync(path, 0o755);
  writeFileSync(join(place, "guest.json"), JSON.stringify({ schema: "mqoe-guest/1", version, hash: entry }));
  return path;
}

test("the hash goes by what Kconfig reads and by the recipe, not by comments, blanks or order", (t) => {
  const text = "# a comment\nCONFIG_B=y\n\nCONFIG_A=y\n# CONFIG_SMP is not set\nCONFIG_A=y\n";
  const settings = parseSettings(text);
  t.deepEqual(settings, ["# CONFIG_SMP is not set", "CONFIG_A=y", "CONFIG_B=y"]);
  t.is(hashOf(settings), hashOf(parseSettings("CONFIG_A=y\n# other words\nCONFIG_B=y\r\n# CONFIG_SMP is not set")));
  t.regex(hashOf(settings), /^[0-9a-f]{16}$/);
  t.not(hashOf(settings), hashOf([...settings, "CONFIG_C=y"]));
  t.not(hashOf(settings, { hz: 250 }), hashOf(settings, { hz: 100 }));
});

test("the hash of one recipe and configuration is the same everywhere, for ever", (t) => {
  t.is(hashOf(["CONFIG_A=y"], { revision: 1 }), "cf352f3765e5add1");
});

test("the repository's own configuration asks for what scenarios need, and names each symbol once", (t) => {
  const { settings, hash } = readConfiguration();
  for (const name of ["UML_TIME_TRAVEL_SUPPORT", "XDP_SOCKETS", "VETH", "NET_SCH_CAKE", "NET_SCH_NETEM", "IFB"]) {
    t.true(settings.includes(`CONFIG_${name}=y`), name);
  }
  const symbols = settings.map((line) => /CONFIG_\w+/.exec(line)?.[0]);
  t.is(new Set(symbols).size, symbols.length);
  t.is(cacheKey(hash), `mqoe-guest-x86_64-${hash}`);
});

test("root builds for the whole machine, others for themselves; XDG_CACHE_HOME counts when it is absolute", (t) => {
  const home = { HOME: "/home/u" };
  t.deepEqual(cacheFolders(home, 1000), {
    search: ["/home/u/.cache/mqoe/guest", "/var/cache/mqoe/guest"],
    build: "/home/u/.cache/mqoe/guest",
  });
  t.is(cacheFolders(home, 0).build, "/var/cache/mqoe/guest");
  t.is(cacheFolders({ ...home, XDG_CACHE_HOME: "/c" }, 1000).build, "/c/mqoe/guest");
  t.is(cacheFolders({ ...home, XDG_CACHE_HOME: "c" }, 1000).build, "/home/u/.cache/mqoe/guest");
});

test("search order: the variable, the user's cache, the machine's", (t) => {
  const [own, system] = [scratch(), scratch()];
  const folders = { search: [own, system], build: own };
  const find = (env = {}) => findGuestKernel({ env, folders, configuration });
  t.is(find(), null);
  const shared = putKernel(system, configuration.hash, "6.12.1");
  t.deepEqual(find(), { path: shared, hash: configuration.hash, version: "6.12.1" });
  const mine = putKernel(own, configuration.hash, "6.12.2");
  t.like(find(), { path: mine, version: "6.12.2" });
  const named = putKernel(scratch(), "any", "6.6.9");
  t.like(find({ MQOE_GUEST_KERNEL: named }), { path: named, version: "6.6.9" });
  t.not(find({ MQOE_GUEST_KERNEL: named })?.hash, configuration.hash);
});

test("kernels of other configurations do not count; of other sources the newest does, after the recipe's own", (t) => {
  const own = scratch();
  const find = () => findGuestKernel({ env: {}, folders: { search: [own], build: own }, configuration });
  putKernel(own, "fedcba9876543210", "6.12.9");
  t.is(find(), null);
  putKernel(own, `${configuration.hash}-6.9.1`, "6.9.1");
  putKernel(own, `${configuration.hash}-6.18.2`, "6.18.2");
  t.is(find()?.version, "6.18.2");
  putKernel(own, configuration.hash, "6.12.9");
  t.is(find()?.version, "6.12.9");
});

test("what is there but no kernel is passed over, and said", (t) => {
  const [own, system] = [scratch(), scratch()];
  mkdirSync(join(own, configuration.hash));
  writeFileSync(join(own, configuration.hash, "linux"), "", { mode: 0o755 });
  const { kernel, looked } = searchGuestKernel({
    env: {},
    folders: { search: [own, system], build: own },
    configuration,
  });
  t.is(kernel, null);
  t.deepEqual(
    looked.map(({ problem }) => problem),
    ["no guest.json beside it", "no such file"],
  );
  const message = explainMissing(looked, {});
  t.true(message.includes(join(own, configuration.hash, "linux")) && message.includes(system), message);
  t.regex(message, /mqoe world build/);
});

test("a variable that names no kernel is an error of its own: no other kernel is taken in silence", (t) => {
  const own = scratch();
  putKernel(own, configuration.hash, "6.12.9");
  const search = (file: string) =>
    searchGuestKernel({ env: { MQOE_GUEST_KERNEL: file }, folders: { search: [own], build: own }, configuration });
  const absent = search("/nope/linux");
  t.is(absent.kernel, null);
  t.deepEqual(absent.looked, [{ path: "/nope/linux", problem: "in MQOE_GUEST_KERNEL: no such file" }]);
  const other = search(putKernel(scratch(), "any", "6.6.9", "no kernel at all"));
  t.regex(other.looked[0]?.problem ?? "", /said "no kernel at all", not a kernel's version/);
  t.regex(explainMissing(absent.looked, { MQOE_GUEST_KERNEL: "/nope/linux" }), /or unset it/);
});
