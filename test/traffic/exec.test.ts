import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "ava";
import { makeBlueprint } from "../../harness/blueprint/index.js";
import { Capture } from "../../harness/traffic/capture.js";
import { hasPort } from "../../harness/traffic/listening.js";
import { hostsFile } from "../../harness/traffic/programs.js";
import { userOf } from "../../harness/traffic/user.js";
import { GOOD, load } from "../scenario/helpers.js";
import { scratchFolder } from "../scratch.js";

const NOBODY = { uid: 65534, gid: 65534 };
const NO_SUDO = { uid: undefined, gid: undefined };

test("programs run as whoever runs mqoe, also by sudo, and never as root", (t) => {
  t.deepEqual(userOf({ uid: 1000, gid: 1001, sudo: NO_SUDO }), { uid: 1000, gid: 1001 });
  t.deepEqual(userOf({ uid: 1000, gid: 1001, sudo: { uid: "7", gid: "7" } }), { uid: 1000, gid: 1001 });
  t.deepEqual(userOf({ uid: 0, gid: 0, sudo: { uid: "1000", gid: "100" } }), { uid: 1000, gid: 100 });
  t.deepEqual(userOf({ uid: 0, gid: 0, sudo: NO_SUDO }), NOBODY);
  for (const sudo of [
    { uid: "0", gid: "0" },
    { uid: "1000", gid: "0" },
    { uid: "1000", gid: undefined },
    { uid: "-1", gid: "100" },
    { uid: "1e3", gid: "100" },
  ])
    t.deepEqual(userOf({ uid: 0, gid: 0, sudo }), NOBODY, JSON.stringify(sudo));
  t.deepEqual(userOf({ uid: 1000, gid: 0, sudo: NO_SUDO }), NOBODY);
});

const EXEC = `${GOOD}[traffic.x]
kind = "exec"
from = "home"
to = "web"
command = ["tool", "{client}>{server}:{port}", "{duration}", "{seed}", "{tos}"]
server_command = ["serve", "{port}"]
dscp = "EF"
`;

function programsOf(text: string) {
  const [which] = load(text, { allowExec: true }).cases;
  if (which === undefined) throw new Error("the scenario is refused");
  return makeBlueprint(which, { lab: "lab", seed: 9, cores: 1, user: { uid: 5, gid: 6 } });
}

test("the blueprint has every program: whose, where, when, and with what words", (t) => {
  const { programs, lab } = programsOf(EXEC);
  t.deepEqual(programs?.user, { uid: 5, gid: 6 });
  const [server, first, second, ...others] = programs?.programs ?? [];
  t.is(others.length, 0);
  t.like(server, { name: "x.web.server", role: "server", netns: "/run/netns/lab-web", port: 30001, start: null });
  t.deepEqual(server?.command, ["serve", "30001"]);
  const addresses = new Map(lab.endpoints.map(({ name, ipv4 }) => [name, ipv4[0]]));
  t.like(first, { name: "x.home-1", endpoint: "home-1", netns: "/run/netns/lab-home-1", start: 3e9, stop: 15e9 });
  const word = (client: string) => `${addresses.get(client)}>${addresses.get("web")}:30001`;
  t.deepEqual(first?.command, ["tool", word("home-1"), "10", "9", "184"]);
  t.is(second?.command[1], word("home-2"));
  t.like(first?.environment, { MQOE_SERVER: addresses.get("web"), MQOE_CLIENT_NAME: "home-1", MQOE_PORT: "30001" });
  t.is(lab.endpoints.find(({ name }) => name === "home-1")?.sysctl["net/ipv4/ping_group_range"], "0 2147483647");
});

test("a server for each client has a port of its own; addresses follow the family; no programs, no part of the blueprint", (t) => {
  const each = programsOf(`${EXEC}server_per = "client"\nfamily = "ipv6"\n`).programs?.programs ?? [];
  t.deepEqual(
    each.map(({ name, port }) => [name, port]),
    [
      ["x.home-1.server", 30001],
      ["x.home-2.server", 30002],
      ["x.home-1", null],
      ["x.home-2", null],
    ],
  );
  t.regex(each[3]?.command[1] ?? "", /^[0-9a-f:]+>[0-9a-f:]+:30002$/);
  t.false("programs" in programsOf(GOOD));
  t.false("programs" in programsOf(`${EXEC}enabled = false\n`));
});

test("a change that brings a client back runs its program again", (t) => {
  const text = `${EXEC}
[[change]]
at = "loaded+2s"
set = { client.home.online = false }
[[change]]
at = "loaded+4s"
set = { client.home.online = true }
`;
  const clients = (programsOf(text).programs?.programs ?? []).filter(({ role }) => role === "client");
  t.deepEqual(
    clients.filter(({ endpoint }) => endpoint === "home-1").map(({ name, start, stop }) => [name, start, stop]),
    [
      ["x.home-1", 3e9, 8e9],
      ["x.home-1.2", 10e9, 15e9],
    ],
  );
});

test("outputs are kept up to a limit; what was printed is counted, and its last lines are known", async (t) => {
  const file = join(scratchFolder("mqoe-capture-"), "x.out");
  const capture = new Capture(Readable.from([Buffer.from("one\ntwo\n"), Buffer.from("three\nfour\n")]), file, 10);
  await capture.ended;
  t.deepEqual(capture.result, { bytes: 19, kept: 10, error: null });
  t.is(readFileSync(file, "utf8"), "one\ntwo\nth");
  t.deepEqual(capture.lastWords(), ["two", "three", "four"]);
});

test("a TCP port counts when it is listened on, a UDP port when it is taken", (t) => {
  const line = (local: string, state: string) =>
    `  sl  local_address rem_address   st\n   0: ${local} 00000000:0000 ${state} 0`;
  t.true(hasPort(line("0100007F:7531", "0A"), "tcp", 30001));
  t.false(hasPort(line("0100007F:7531", "01"), "tcp", 30001), "a connection");
  t.true(hasPort(line("00000000000000000000000000000000:7531", "07"), "udp6", 30001));
  t.false(hasPort(line("0100007F:7530", "0A"), "tcp", 30001));
  t.false(hasPort("", "tcp", 30001));
});

test("names of all endpoints are in the programs' hosts file", (t) => {
  const { lab } = programsOf(EXEC);
  const hosts = hostsFile({ lab }).split("\n");
  t.true(hosts.includes("127.0.0.1 localhost"));
  const web = lab.endpoints.find(({ name }) => name === "web");
  for (const address of [...(web?.ipv4 ?? []), ...(web?.ipv6 ?? [])]) t.true(hosts.includes(`${address} web`));
});
