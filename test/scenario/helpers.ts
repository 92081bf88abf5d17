import { formatProblem, type Loaded, type LoadOptions, loadCases } from "../../harness/scenario/index.js";

/** Loads scenarios from memory: paths → texts; the first path is the one that is asked for. */
export function load(files: string | Record<string, string>, options: LoadOptions = {}): Loaded {
  const all = typeof files === "string" ? { "home.toml": files } : files;
  return loadCases([Object.keys(all)[0] ?? ""], options, reader(all));
}

export function reader(files: Record<string, string>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    return text;
  };
}

/** The problems as one line each, as users see them. */
export function lines(loaded: Loaded): string[] {
  return loaded.problems.map((problem) => formatProblem(problem));
}

/** A scenario without fault, to which tests do harm. */
export const GOOD = `duration = "15s"
phases = { idle = "3s", ramp = "3s", cooldown = "2s" }

[plan.home]
down = "20mbit"
up = "5mbit"
sqm = { discipline = "fq_codel", target = "7ms" }

[path.metro]
rtt = "20ms"

[server.web]
path = "metro"

[client.home]
plan = "home"
count = 2

[traffic.bulk]
kind = "tcp"
from = "home"
to = "web"
flows = 4

[traffic.ping]
kind = "probe"
from = "home-*"
to = "web"

[[expect]]
metric = "ping.induced.p99"
below = "15ms"
`;

/** GOOD with one text replaced; fails loudly when the text is not there. */
export function harmed(found: string, replacement: string): string {
  if (!GOOD.includes(found)) throw new Error(`the good scenario has no ${JSON.stringify(found)}`);
  return GOOD.replace(found, replacement);
}
