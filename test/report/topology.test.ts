import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { topology } from "../../harness/report/html/topology.js";
import { GOOD, lines, load } from "../scenario/helpers.js";

const FAR = `${GOOD.replace("count = 2", 'path = "wifi"').replace("home-*", "home")}[path.wifi]\nrtt = "6ms"\n`;

/** The drawing's words, line by line. */
function drawn(dataplane: string, sqm = 'discipline = "pfifo"'): string[] {
  const text = FAR.replace('discipline = "fq_codel", target = "7ms"', sqm);
  const loaded = load(`${text}[dataplane]\n${dataplane}\n`, { allowExec: true, cwd: "/opt" });
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  const svg = topology(makeBlueprint(first, { lab: "l", seed: 1, cores: 2 }), (name) => name).text;
  return [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1] ?? "");
}

test("our dataplane: its reactors, the paths fused", (t) => {
  const words = drawn('kind = "afxdp"');
  t.true(["dataplane: afxdp", "reactor 0", "paths (one way)", "metro"].every((word) => words.includes(word)));
  t.false(words.includes("path stage (one way)"));
});

test("other dataplanes: who is in the middle, and the stages on both sides of it", (t) => {
  const kernel = drawn('kind = "kernel"', 'discipline = "tc", args = "sfq perturb 10"');
  t.true(["dataplane: kernel", "Linux", "routes and qdiscs", "wifi", "metro"].every((word) => kernel.includes(word)));
  t.is(kernel.filter((word) => word === "path stage (one way)").length, 2);
  t.true(kernel.includes("sfq perturb 10"), "tc's words are the discipline");
  t.true(drawn('kind = "none"').includes("routes; no plans"));
  const external = drawn('kind = "external"\ncommand = ["bin/middle"]');
  t.true(["dataplane: external", "middle"].every((word) => external.includes(word)));
});

test("a shaper tree: each site below its parent, with its capacity and its own clients; a client's rate is its plan's", (t) => {
  const tree = `${GOOD.replace('plan = "home"\ncount = 2', 'plan = "home"\ncount = 2\nsite = "ap"')}
[site.ap]
down = "30mbit"
up = "10mbit"
parent = "tower"
[site.tower]
down = "400mbit"
up = "200mbit"
[client.alone]
plan = "home"
`;
  const [first] = load(tree).cases;
  if (!first) throw new Error(lines(load(tree)).join("\n"));
  const svg = topology(makeBlueprint(first, { lab: "l", seed: 1, cores: 2 }), (name) => name).text;
  const words = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1] ?? "");
  const start = words.indexOf("tower");
  t.deepEqual(words.slice(start, start + 9), [
    ...["tower", "↓ 400 Mbit/s", "↑ 200 Mbit/s"],
    ...["└ ap", "↓ 30 Mbit/s", "↑ 10 Mbit/s", "2 clients of its own"],
    ...["no site", "plans alone"],
  ]);
  t.is(words.filter((word) => word === "↓ 20 Mbit/s").length, 3, "of both below the site and of the one that is not");
  t.regex(svg, /aria-label="[^"]*sites tower \(↓ 400 Mbit\/s ↑ 200 Mbit\/s\), ap in tower \(/);
});
