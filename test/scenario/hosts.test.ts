import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import type { Case } from "../../harness/scenario/types.js";
import { GOOD, harmed, lines, load } from "./helpers.js";

/** Two circuits with three hosts each, and traffic that names hosts or leaves them to mqoe. */
const HOSTS = `${GOOD.replace("count = 2", "count = 2\nhosts = 3")}
[traffic.one]
kind = "tcp"
from = "home"
to = "web"
flows = 2
host = 3
[traffic.six]
kind = "probe"
from = "home-1"
to = "web"
family = "ipv6"
host = 2
[traffic.flood]
kind = "udp"
from = "home-2"
to = "web"
rate = "1mbit"
host = 1
`;

function caseOf(text: string): Case {
  const loaded = load(text);
  const [first] = loaded.cases;
  if (!first) throw new Error(lines(loaded).join("\n"));
  return first;
}

const made = (text: string) => makeBlueprint(caseOf(text), { lab: "mq-1a2b", seed: 1, cores: 2 });

test("every host behind a circuit has an address of each family, and the dataplane and the lab know all of them", (t) => {
  const { lab, dataplane, traffic } = made(HOSTS);
  const [first, second] = lab.endpoints.filter(({ role }) => role === "client");
  t.deepEqual(first?.ipv4, ["100.64.0.1", "100.64.0.2", "100.64.0.3"]);
  t.deepEqual(second?.ipv4, ["100.64.0.4", "100.64.0.5", "100.64.0.6"]);
  t.deepEqual(
    first?.ipv6,
    ["1", "2", "3"].map((n) => `fd6d:716f:6500:2::${n}`),
  );
  t.deepEqual(
    dataplane.clients.map(({ addresses }) => addresses),
    [first, second].map((endpoint) => [...(endpoint?.ipv4 ?? []), ...(endpoint?.ipv6 ?? [])]),
  );
  t.deepEqual(
    traffic.clients.map(({ ipv4, ipv6 }) => [ipv4, ipv6]),
    [first, second].map((endpoint) => [endpoint?.ipv4, endpoint?.ipv6]),
  );
  t.deepEqual(dataplane.reactors, made(GOOD).dataplane.reactors, "frames depend on plans, not on hosts");
});

test("traffic is its host's; without one connections take turns over all of them, and a probe is the first's", (t) => {
  const { flows, probes, streams } = made(HOSTS).traffic;
  const hosts = (name: string, of: { traffic: string; client: number; host: number }[], client: number) =>
    of.filter((one) => one.traffic === name && one.client === client).map(({ host }) => host);
  t.deepEqual(hosts("bulk", flows, 0), [0, 1, 2, 0]);
  t.deepEqual(hosts("bulk", flows, 1), [0, 1, 2, 0]);
  t.deepEqual(hosts("one", flows, 0), [2, 2]);
  t.deepEqual(hosts("ping", probes, 1), [0]);
  t.deepEqual(hosts("six", probes, 0), [1]);
  t.deepEqual(hosts("flood", streams, 1), [0]);
});

test("a fixed address is the first host's; the others are assigned, and none twice", (t) => {
  const text = `${GOOD.replace("count = 2", 'hosts = 3\nipv4 = "100.64.0.2"\nipv6 = "fd6d:716f:6500:2::1"')}
[client.other]
plan = "home"
hosts = 256
`.replace('"home-*"', '"home"');
  const [home, other] = made(text).lab.endpoints.filter(({ role }) => role === "client");
  t.deepEqual(home?.ipv4, ["100.64.0.2", "100.64.0.1", "100.64.0.3"]);
  t.deepEqual(
    home?.ipv6,
    ["1", "2", "3"].map((n) => `fd6d:716f:6500:2::${n}`),
  );
  const all = [home, other].flatMap((endpoint) => [...(endpoint?.ipv4 ?? []), ...(endpoint?.ipv6 ?? [])]);
  t.is(new Set(all).size, 2 * (3 + 256));
});

test("a host that a client does not have is refused where it is written", (t) => {
  t.deepEqual(lines(load(harmed("flows = 4", "host = 2"))), [
    'home.toml:23:8: traffic.bulk.host: found 2, but client "home-1" has one host; allowed: 1 to 1 (or write hosts = 2 in [client.home])',
  ]);
  const mixed = `${HOSTS}[client.small]\nplan = "home"\nhosts = 2\n`;
  t.deepEqual(lines(load(mixed)), []);
  const [line = ""] = lines(
    load(mixed.replace('from = "home"\nto = "web"\nflows = 2', 'from = ["home", "small"]\nto = "web"\nflows = 2')),
  );
  t.regex(line, /traffic\.one\.host: found 3, but client "small" has 2 hosts; allowed: 1 to 2/u);
  t.is(lines(load(harmed("flows = 4", "host = 0"))).length, 1);
  t.is(lines(load(HOSTS.replace("hosts = 3", "hosts = 257"))).length, 1, "not also: host 3 of a client without");
});

test("more hosts than the lab's tables hold are refused", (t) => {
  const [line = "", ...rest] = lines(load(GOOD.replace("count = 2", "count = 4000\nhosts = 256")));
  t.regex(line, /client\.home\.hosts: 1024000 hosts, .*at most 1000000 are allowed/u);
  t.deepEqual(rest, []);
});
