import { fitRun, labTest, metric, namespaces } from "./helpers/mqoe.js";

labTest("the quickstart suite: fq_codel passes, pfifo is expected to fail, every frame is accounted for", async (t) => {
  t.timeout(300_000);
  const finished = await fitRun(["scenarios/quickstart"]);
  t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  const cases = finished.results?.cases ?? [];
  const index = (id: string) => cases.findIndex((candidate) => candidate.id === id);

  const fq = index("home-fq-codel");
  t.is(cases[fq]?.verdict, "pass");
  t.true(metric(t, finished, fq, "ping.induced.p99") < 0.015, "fq_codel: induced p99 below 15 ms");

  const pfifo = index("home-pfifo");
  t.is(cases[pfifo]?.verdict, "expected-fail");
  const bloat = metric(t, finished, pfifo, "ping.rtt.p50") / metric(t, finished, pfifo, "ping.idle.rtt.p50");
  t.true(bloat >= 10, `pfifo: loaded p50 is ${bloat.toFixed(1)} × idle`);

  for (const candidate of cases) t.is(candidate.accounting.unaccounted, 0, `${candidate.id}: unaccounted frames`);
  t.deepEqual(namespaces(), []);
});
