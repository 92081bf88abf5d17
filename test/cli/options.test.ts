import test from "ava";
import { UsageError } from "../../harness/cli/exit.js";
import { given, integer, labOption, SEEDS, text } from "../../harness/cli/options.js";

test("integer: whole numbers in range; anything else is shown as it was typed", (t) => {
  const { coerce } = integer("seed", "", SEEDS);
  for (const fine of [0, 1, 2 ** 31 - 1]) t.is(coerce(fine), fine);
  t.is(coerce(undefined), undefined);
  for (const wrong of [-1, 1.5, 2 ** 31, Number.NaN, "abc", "007", ""]) {
    const message = `--seed "${wrong}" is not a whole number from 0 to 2147483647`;
    t.throws(() => coerce(wrong), { instanceOf: UsageError, message });
  }
  t.throws(() => coerce([1, 2]), { instanceOf: UsageError, message: "--seed is given 2 times; it takes one value" });
});

test("text: one value", (t) => {
  const { coerce } = text("out", "");
  t.is(coerce("folder"), "folder");
  t.is(coerce(undefined), undefined);
  t.throws(() => coerce(["a", "b"]), { instanceOf: UsageError });
});

test("a lab's name becomes a path: only names pass", (t) => {
  t.is(labOption.coerce("mq-1"), "mq-1");
  for (const wrong of ["../../etc", "", "a/b", "-x"]) {
    t.throws(() => labOption.coerce(wrong), { instanceOf: UsageError, message: /^--lab: .* is no lab name/ });
  }
});

test("given: what is undefined does not override a scenario", (t) => {
  t.deepEqual(given({ seed: 0, repeat: undefined, set: [] }), { seed: 0, set: [] });
});
