import { journals, labTest, mqoe, namespaces } from "./helpers/mqoe.js";

labTest("doctor: on a machine that can run labs every line is ok or a warning, and nothing is left", async (t) => {
  t.timeout(60_000);
  const finished = await mqoe(["doctor"]);
  t.is(finished.code, 0, finished.stdout + finished.stderr);
  const lines = finished.stdout.split("\n").filter((line) => /^\S/.test(line));
  t.true(lines.length >= 12, finished.stdout);
  for (const line of lines.filter((one) => !one.startsWith("ready"))) t.regex(line, /^(✓ ok|! warn) /);
  t.regex(finished.stdout, /AF_XDP on veth +native mode/);
  t.deepEqual(namespaces(), []);
  t.deepEqual(journals(), []);
});
