import test from "ava";
import { mqoe } from "../lab/helpers/mqoe.js";

const NOBODY = 65534;
const unprivileged = process.getuid?.() === 0 ? { uid: NOBODY, env: { HOME: "/nonexistent" } } : {};

test.serial("doctor without root: the live world lacks a privilege, the hermetic one is ready; exit 0", async (t) => {
  const { code, stdout, stderr } = await mqoe(["doctor"], unprivileged);
  t.is(code, 0, stdout + stderr);
  t.regex(stdout, /^✗ missing +privilege +missing CAP_/mu);
  t.regex(stdout, /^✓ ok +guest trial run +\d+ of \d+ probes came back; booted, run and gone within /mu);
  t.regex(stdout, /^ready for --world hermetic: mqoe run --world hermetic scenarios\/quickstart/mu);
});

test.serial("doctor for one world says nothing of the other", async (t) => {
  const hermetic = await mqoe(["doctor", "--world", "hermetic"], unprivileged);
  t.is(hermetic.code, 0, hermetic.stdout);
  t.notRegex(hermetic.stdout, /privilege/u);
  const live = await mqoe(["doctor", "--world", "live"], unprivileged);
  t.is(live.code, 3, live.stdout);
  t.notRegex(live.stdout, /guest/u);
});
