import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fitRun, home, labTest, namespaces, scenario } from "./helpers/mqoe.js";

labTest("a lab of 200 clients builds, runs and tears down", async (t) => {
  t.timeout(120_000);
  const text = home({ count: 200, down: "2mbit", up: "1mbit", duration: "8s" }).replace("10ms", "200ms");
  const bulk = '[traffic.bulk]\nkind = "tcp"\nfrom = "home-1*"\nto = "web"\ndirection = "down"\nflows = 1\n';
  const finished = await fitRun([scenario(t, "many", text + bulk)]);
  t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
  const events = readFileSync(join(finished.out, "many/run-1/events.jsonl"), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const ready = events.find((event) => event.event === "lab-ready");
  const gone = events.find((event) => event.event === "teardown");
  t.log(`set-up ${JSON.stringify(ready.ms)} ms, with processes ${ready.total_ms} ms; teardown ${gone.ms} ms`);
  t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
  t.is(Object.keys(finished.results?.cases[0]?.by ?? {}).filter((key) => key.startsWith("client/")).length, 200);
  t.deepEqual(namespaces(), []);
});

labTest("two labs at once do not touch each other", async (t) => {
  t.timeout(60_000);
  const bulk =
    '[traffic.bulk]\nkind = "tcp"\nfrom = "home"\nto = "web"\ndirection = "down"\nflows = 2\n[[expect]]\nmetric = "bulk.goodput"\nat_least = "90% of share"\n';
  const both = await Promise.all([
    fitRun([scenario(t, "left", home({ down: "10mbit" }) + bulk)]),
    fitRun([scenario(t, "right", home({ down: "5mbit" }) + bulk)]),
  ]);
  for (const finished of both) {
    t.is(finished.code, 0, `${finished.stdout}\n${finished.stderr}`);
    t.is(finished.results?.cases[0]?.accounting.unaccounted, 0);
  }
  t.deepEqual(namespaces(), []);
});
