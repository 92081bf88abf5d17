import { availableParallelism } from "node:os";
import chalk from "chalk";
import type { CommandModule } from "yargs";
import { makeBlueprint } from "../blueprint/index.js";
import { type Finding, inspectMachine, PRIVILEGE, tryLab } from "../health/doctor.js";
import { inspectGuest, tryGuest } from "../health/doctor-world.js";
import { abortOnSignals } from "../run/interrupt.js";
import { randomLabName } from "../run/lab-name.js";
import { loadCases } from "../scenario/index.js";
import type { WorldName } from "../world/world.js";
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

interface DoctorArguments {
  world: WorldName | undefined;
}

export const doctor: CommandModule<object, DoctorArguments> = {
  command: "doctor",
  describe: "Try every precondition of a run on this machine, and say how to mend what is missing",
  builder: (yargs) =>
    yargs
      .option("world", {
        choices: ["live", "hermetic"] as const,
        requiresArg: true,
        describe: "only what this world needs [both]",
      })
      .epilogue(
        "Builds a lab of one client and one server, loads it for a second and a half, and removes it; then the same in a " +
          "guest. Exit 0 when a world is ready: the live one, with or without a guest kernel, or, without root, the " +
          "hermetic one. Exit 3 when none is, when the live one lacks more than root, and when the one that --world " +
          "names lacks anything.",
      ),
  async handler({ world }) {
    const { signal, release } = abortOnSignals();
    try {
      const live = world === "hermetic" ? null : await examineLive(signal);
      const hermetic = world === "live" ? null : await examineHermetic(signal);
      process.exitCode = conclude(live, hermetic);
    } finally {
      release();
    }
  },
};

/** What one world's part came to: `locked` = all that is missing is the privilege. */
type Readiness = "ready" | "locked" | "missing";

async function examineLive(signal: AbortSignal): Promise<Readiness> {
  const findings = inspectMachine();
  findings.forEach(print);
  const failed = findings.filter((finding) => finding.verdict === "fail");
  if (failed.length > 0) {
    print({ name: "trial run", verdict: "skipped", found: "mend the above first", advice: "" });
    return failed.every((finding) => finding.name === PRIVILEGE) ? "locked" : "missing";
  }
  const trial = await tryLab(trialBlueprint(randomLabName(), availableParallelism(), "live"), signal);
  // What was interrupted says nothing about this machine.
  signal.throwIfAborted();
  trial.forEach(print);
  return trial.some((finding) => finding.verdict === "fail") ? "missing" : "ready";
}

async function examineHermetic(signal: AbortSignal): Promise<Readiness> {
  const findings = inspectGuest();
  findings.forEach(print);
  if (findings.some((finding) => finding.verdict !== "ok")) {
    print({ name: "guest trial run", verdict: "skipped", found: "mend the above first", advice: "" });
    return "missing";
  }
  const trial = await tryGuest(trialBlueprint("hermetic", 1, "hermetic"), signal);
  signal.throwIfAborted();
  print(trial);
  return trial.verdict === "ok" ? "ready" : "missing";
}

/**
 * The last line, and the exit code. The hermetic world alone is enough where nothing but the privilege keeps the live
 * one shut; a live world that is broken is never made good by it.
 */
function conclude(live: Readiness | null, hermetic: Readiness | null): number {
  const example = "mqoe run --world hermetic scenarios/quickstart";
  if (live === "ready" && hermetic !== "ready")
    return say(chalk.green("ready"), "mqoe run scenarios/quickstart", EXIT.ok);
  if (live === "ready")
    return say(chalk.green("ready"), "mqoe run scenarios/quickstart, also with --world hermetic", EXIT.ok);
  if (hermetic === "ready" && live === null) return say(chalk.green("ready for --world hermetic"), example, EXIT.ok);
  if (hermetic === "ready" && live === "locked") {
    return say(chalk.green("ready for --world hermetic"), `${example} (the live world needs root)`, EXIT.ok);
  }
  return say(chalk.red("not ready"), "see above", EXIT.rig);
}

function say(state: string, what: string, code: number): number {
  console.log(`\n${state}: ${what}`);
  return code;
}

function trialBlueprint(lab: string, cores: number, world: WorldName) {
  const { cases, problems } = loadCases(["doctor.toml"], {}, () => TRIAL);
  const [only] = cases;
  if (!only) throw new Error(`doctor's own scenario is wrong: ${problems[0]?.message}`);
  return makeBlueprint(only, { lab, seed: 1, cores, world });
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
