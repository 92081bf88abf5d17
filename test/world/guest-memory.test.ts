import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { GuestMemory, NoGuest } from "../../harness/world/guest-memory.js";

const ROOM = 1000;
const find = (bytes: number) => (bytes <= ROOM ? { folder: "/small" } : { problem: `${bytes} are not free` });
const never = new AbortController().signal;

test("two guests against one small folder: the second waits until the first has given its memory back", async (t) => {
  const memory = new GuestMemory(find);
  const told: string[] = [];
  t.is(await memory.take(600, never, () => told.push("first waits")), "/small");
  const second = memory.take(600, never, () => told.push("second waits")).then(() => told.push("second runs"));
  await turn();
  t.deepEqual(told, ["second waits"]);
  t.is(await memory.take(400, never, () => told.push("small one waits")), "/small");
  memory.give(400);
  await turn();
  t.deepEqual(told, ["second waits"]);
  memory.give(600);
  await second;
  t.deepEqual(told, ["second waits", "second runs"]);
});

test("no room although no guest runs is an error, at once and after waiting", async (t) => {
  const memory = new GuestMemory(find);
  const error = { instanceOf: NoGuest, message: "2000 are not free" };
  await t.throwsAsync(() => memory.take(2000, never, () => {}), error);
  await memory.take(600, never, () => {});
  const waiting = memory.take(2000, never, () => {});
  memory.give(600);
  await t.throwsAsync(waiting, error);
});

test("who waits for memory can be stopped, and has promised nothing", async (t) => {
  const memory = new GuestMemory(find);
  const stop = new AbortController();
  await memory.take(600, never, () => {});
  const reason = new Error("interrupted");
  const waiting = memory.take(600, stop.signal, () => {});
  stop.abort(reason);
  t.is(await t.throwsAsync(waiting), reason);
  memory.give(600);
  t.is(await memory.take(1000, never, () => {}), "/small");
});
