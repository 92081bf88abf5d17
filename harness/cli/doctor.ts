import { availableParallelism } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import { type Finding, inspectMachine, tryLab } from "../health/doctor.js";
import { abortOnSignals } from "../run/interrupt.js";
import { randomLabName } from "../run/lab-name.js";
import { loadCases } from "../scenario/index.js";
import { EXIT } from "./exit.js";

/** The smallest scenario that needs everything: both families, probes and TCP, shaping and delay. */
const TRIAL = `
duration = "1600ms"
phases = { idle = "300ms", ramp = "200ms", cooldown = "100ms" }
[plan.line]
down = "20mbit"
up = "20mbit"
sqm = { discipline = "fq_codel" }
[path.near]
rtt = "2ms"
[server.peer]
path = "near"
[client.trial]
plan = "line"
[traffic.ping4]
kind = "probe"
from = "trial"
to = "peer"
[traffic.ping6]
kind = "probe"
from = "trial"
to = "peer"
family = "ipv6"
[traffic.bulk]
kind = "tcp"
from = "trial"
to = "peer"
direction = "down"
`;

export const doctor: CommandModule = {
  command: "doctor",
  describe: "Try every precondition of a run on this machine, and say how to mend what is missing",
  builder: (yargs) =>
    yargs.epilogue(
      "Builds a lab of one client and one server, loads it for a second and a half, and removes it. Exit 3 when something is missing.",
    ),
  async handler() {
    const findings = inspectMachine();
    findings.forEach(print);
    if (findings.some((finding) => finding.verdict === "fail")) {
      print({ name: "trial run", verdict: "skipped", found: "mend the above first", advice: "" });
      process.exitCode = EXIT.rig;
      return;
    }
    const { signal, release } = abortOnSignals();
    const trial = await tryLab(trialBlueprint(), signal).finally(release);
    // What was interrupted says nothing about this machine.
    signal.throwIfAborted();
    trial.forEach(print);
    const failed = trial.some((finding) => finding.verdict === "fail");
    console.log(
      failed ? `\n${chalk.red("not ready")}: see above` : `\n${chalk.green("ready")}: mqoe run scenarios/quickstart`,
    );
    process.exitCode = failed ? EXIT.rig : EXIT.ok;
  },
};

function trialBlueprint() {
  const { cases, problems } = loadCases(["doctor.toml"], {}, () => TRIAL);
  const [only] = cases;
  if (!only) throw new Error(`doctor's own scenario is wrong: ${problems[0]?.message}`);
  return makeBlueprint(only, { lab: randomLabName(), seed: 1, cores: availableParallelism() });
}

const MARK = {
  ok: chalk.green("✓ ok     "),
  warn: chalk.yellow("! warn   "),
  fail: chalk.red("✗ missing"),
  skipped: chalk.dim("- skipped"),
};

function print(finding: Finding): void {
  console.log(`${MARK[finding.verdict]}  ${finding.name.padEnd(30)} ${finding.found}`);
  if (finding.advice) console.log(`${" ".repeat(11)}${chalk.dim("→")} ${finding.advice}`);
}
