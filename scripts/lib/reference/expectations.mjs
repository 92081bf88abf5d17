// The expectations that scenarios/reference/*.toml extend, from the ranges.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allowed, RATE, shown } from "./columns.mjs";
import { counterpart, FOLDER, isLinux, middlesOf, rowsOf, SUITE, shaperRanges } from "./suite.mjs";

/** DESIGN §7: within −0.5 … 0 % of what is set, and one frame per window. */
const OURS = { below: 0.005, frame: 1514 * 8, window: { "1M": 25, "5M": 10, "20M": 4, "50M": 4, "100M": 4 } };

function quantity(value, { unit }) {
  if (unit === "") return String(value);
  return unit === "%" ? `"${value}%"` : `"${value}${unit}"`;
}

function expectation(metric, when, op, value, note = "") {
  const conditions = Object.entries(when).map(([axis, name]) => `${axis} = "${name}"`);
  const condition = conditions.length > 0 ? `when = { ${conditions.join(", ")} }\n` : "";
  return `[[expect]]${note === "" ? "" : `                            # ${note}`}\nmetric = "${metric}"\n${condition}${op} = ${value}\n`;
}

const judged = (columns, row) =>
  Object.entries(columns).flatMap(([name, shape]) =>
    row[name] === undefined || shape.metric === undefined ? [] : [[shape, row[name]]],
  );

function bothBounds(shape, range, when, note) {
  const [least, most] = allowed(shape, range);
  return [
    ...(least === null ? [] : [expectation(shape.metric, when, "at_least", quantity(least, shape), note)]),
    ...(most === null ? [] : [expectation(shape.metric, when, "at_most", quantity(most, shape), note)]),
  ];
}

/** Linux must be where the range has it: both ends of every cell. */
function linuxExpectations(columns, row, when) {
  const source = row.measured ? "measured here" : "the table";
  return judged(columns, row).flatMap(([shape, range]) =>
    bothBounds(shape, range, when, `${source}: ${shown(range)}${shape.unit === "" ? "" : ` ${shape.unit}`}`),
  );
}

/** Ours must not be worse than that range, with the same widening, nor in latency than the Linux beside it. */
function oursExpectations(columns, row, when, linux) {
  const note = row.measured ? "no worse than Linux was measured here" : "no worse than Linux in the table";
  const absolute = judged(columns, row).flatMap(([shape, range]) => {
    if (shape.ours === undefined) return [];
    if (shape.ours === "within") return bothBounds(shape, range, when, `as Linux: ${shown(range)} ${shape.unit}`);
    const bound = allowed(shape, range)[shape.ours === "at_least" ? 0 : 1];
    return bound === null ? [] : [expectation(shape.metric, when, shape.ours, quantity(bound, shape), note)];
  });
  const relative = judged(columns, row).flatMap(([shape, [, high]]) => {
    if (shape.beside !== true) return [];
    const over = `"${Math.round(1000 * shape.slack(high))}us over middle=${linux}"`;
    return [expectation(shape.metric, when, "at_most", over, "… nor in this report")];
  });
  return [...absolute, ...relative];
}

/** Of one scenario: its Linuxes, and those of ours that stand beside one. */
function expectationsOf(entry) {
  const middles = middlesOf(entry.name);
  return rowsOf(entry).flatMap(({ axes, middle, row }) => {
    if (!isLinux(middle)) return [];
    const ours = counterpart(middle);
    return [
      ...linuxExpectations(entry.columns, row, { middle, ...axes }),
      ...(middles.has(ours) ? oursExpectations(entry.columns, row, { middle: ours, ...axes }, middle) : []),
    ];
  });
}

/** What a shaper of ours may let through: its own promise, whatever Linux does. */
function oursShaper(expected, rate, when) {
  const frame = OURS.frame / OURS.window[rate] / 1e6;
  const [least, most] = [expected * (1 - OURS.below) - frame, expected + frame].map((value) =>
    Number(value.toFixed(5)),
  );
  return [
    expectation(RATE.metric, when, "at_least", quantity(least, RATE), "−0.5 % of what is expected, and a frame"),
    expectation(RATE.metric, when, "at_most", quantity(most, RATE), "… and nothing beyond it but a frame"),
  ];
}

function shaperExpectations(rate) {
  const middles = [...middlesOf("base/shaper")];
  return Object.entries(shaperRanges[rate]).flatMap(([framing, loads]) =>
    Object.entries(loads).flatMap(([load, { expected, measured }]) => {
      const note = `the table: ${shown(measured)}, expected ${expected} mbit`;
      return middles.flatMap((middle) =>
        isLinux(middle)
          ? bothBounds(RATE, measured, { framing, load, middle }, note)
          : oursShaper(expected, rate, { framing, load, middle }),
      );
    }),
  );
}

/** Writes the file, or, when only asked, tells that it is stale (exit code 1). */
function put(name, of, parts, onlyCheck) {
  const head = `#:schema ../../../schema/scenario.json
# Written by scripts/reference from linux-*.json: do not edit. ${of}
# Bounds of linux-*: the smallest and largest of the range, widened by 0.1 ms or 1 % (the larger) and counts of packets by
# 10 %. Bounds of ours-*: no worse than that, and in latency no worse than the Linux beside it by the same amount.
`;
  const file = join(FOLDER, "base", `${name}-expect.toml`);
  const text = [head, ...parts].join("\n");
  if (!onlyCheck) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
    process.stderr.write(`${file} is stale: run scripts/reference expect\n`);
    process.exitCode = 1;
  }
}

export function writeExpectations(onlyCheck) {
  for (const entry of SUITE) put(entry.name, `Group ${entry.group}: ${entry.what}.`, expectationsOf(entry), onlyCheck);
  for (const rate of Object.keys(shaperRanges))
    put(`shaper-${rate.toLowerCase()}`, `Group 8, ${rate}bit/s.`, shaperExpectations(rate), onlyCheck);
}
