import test from "ava";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatTime,
  parsePercent,
  parseQuantity,
  parseRate,
  parseSize,
  parseTime,
  printRate,
  printSize,
  printTime,
  type QuantityKind,
  quantityPattern,
} from "../../harness/units/index.js";

const result = (parsed: ReturnType<typeof parseRate>) => (parsed.ok ? parsed.value : parsed.message);

test("rates are bit/s, powers of ten", (t) => {
  const rates = {
    "800bit": 800,
    "64kbit": 64e3,
    "20mbit": 20e6,
    "1.5gbit": 1.5e9,
    "1 Gbit": 1e9,
    "1_000kbit": 1e6,
    "2e3kbit": 2e6,
  };
  for (const [text, value] of Object.entries(rates)) t.is(result(parseRate(text)), value, text);
});

test("times are nanoseconds", (t) => {
  const times = {
    "100ns": 100,
    "500us": 500e3,
    "15ms": 15e6,
    "30s": 30e9,
    "2m": 120e9,
    "1h": 3600e9,
    "0.1s": 100e6,
    "1.1s": 1.1e9,
    "7µs": 7000,
  };
  for (const [text, value] of Object.entries(times)) t.is(result(parseTime(text)), value, text);
});

test("sizes are bytes; kB is 1000, KiB is 1024", (t) => {
  const sizes = {
    "1500b": 1500,
    "1kB": 1000,
    "64KiB": 65_536,
    "32MB": 32e6,
    "32MiB": 32 * 2 ** 20,
    "1GiB": 2 ** 30,
    "2gb": 2e9,
  };
  for (const [text, value] of Object.entries(sizes)) t.is(result(parseSize(text)), value, text);
});

test("percentages are ratios, exact where decimals are", (t) => {
  for (const [text, value] of Object.entries({ "95%": 0.95, "0.1%": 0.001, "29 %": 0.29, "100%": 1, "58%": 0.58 })) {
    t.is(result(parsePercent(text)), value, text);
  }
});

test("what is no quantity says what was found and what is allowed", (t) => {
  const rate = 'write e.g. "20mbit" (units: bit, kbit, mbit, gbit)';
  t.is(result(parseRate("20 potatoes")), `"20 potatoes" is not a rate; ${rate}`);
  t.is(result(parseRate("")), `"" is not a rate; ${rate}`);
  t.is(result(parseRate("mbit")), `"mbit" is not a rate; ${rate}`);
  t.is(result(parseRate("20")), `"20" has no unit; ${rate}`);
  t.is(result(parseRate("15ms")), `"15ms" is a time, here a rate is needed; ${rate}`);
  t.is(result(parseRate("50%")), `"50%" is a percentage, here a rate is needed; ${rate}`);
  t.is(result(parseRate("20Mbit/s")), `"20Mbit/s" is not a rate; did you mean "20mbit"? ${rate}`);
  t.is(
    result(parseTime("20mbit")),
    '"20mbit" is a rate, here a time is needed; write e.g. "15ms" (units: ns, us, ms, s, m, h)',
  );
  t.is(result(parsePercent("0.5")), '"0.5" has no unit; write e.g. "95%"');
  t.is(result(parseRate("99999999tbit")), '"99999999tbit" is too large for a rate');
  t.is(result(parseTime("0.1ns")), '"0.1ns" is less than the smallest time mqoe can express');
  t.is(result(parseRate("1__0mbit")), `"1__0mbit" is not a rate; ${rate}`);
  t.is(result(parseRate("1constructor")), `"1constructor" is not a rate; ${rate}`);
});

test("what is printed for scenarios parses back to the same value", (t) => {
  for (const value of [0, 1, 999, 1000, 1500, 65_536, 1e6, 1_234_567, 20e6, 1.5e9, 3600e9]) {
    t.is(result(parseTime(printTime(value))), value);
    t.is(result(parseRate(printRate(value))), value);
    t.is(result(parseSize(printSize(value))), value);
  }
  t.deepEqual([printTime(15e6), printRate(20e6), printSize(65_536)], ["15ms", "20mbit", "64KiB"]);
});

test("the pattern for editors allows what the parser allows", (t) => {
  const texts = [
    "20mbit",
    "20 MBit",
    "1.5gbit",
    "20",
    "mbit",
    "15ms",
    "2m",
    "64KiB",
    "95%",
    "20 potatoes",
    "-3mbit",
    "1_0kbit",
    "7µs",
  ];
  for (const kind of ["rate", "time", "size", "percent"] satisfies QuantityKind[]) {
    const pattern = new RegExp(quantityPattern(kind), "u");
    for (const text of texts) {
      const parsed = parseQuantity(text, kind);
      t.is(pattern.test(text), parsed.ok && parsed.value >= 0, `${kind} ${text}`);
    }
  }
});

test("for people: three digits and a unit that fits", (t) => {
  t.deepEqual([19_123_456, 999.7, 999_600, 1e9, 0, 12.345].map(formatRate), [
    "19.1 Mbit/s",
    "1 kbit/s",
    "1 Mbit/s",
    "1 Gbit/s",
    "0 bit/s",
    "12.3 bit/s",
  ]);
  t.deepEqual([0.0232, 0.6053, 1.2345, 0.00000123, 0].map(formatTime), [
    "23.2 ms",
    "605 ms",
    "1235 ms",
    "0.00123 ms",
    "0 ms",
  ]);
  t.deepEqual([1500, 65_536, 3].map(formatBytes), ["1.5 kB", "65.5 kB", "3 B"]);
  t.deepEqual([0.0125, 1, 0.9564].map(formatPercent), ["1.25 %", "100 %", "95.6 %"]);
  t.deepEqual([15, 93, 120, 0.25, 12.34].map(formatDuration), ["15 s", "1 min 33 s", "2 min", "250 ms", "12.3 s"]);
  t.deepEqual([0, 999, 1234, 1_234_567, 0.5].map(formatCount), [
    "0",
    "999",
    "1\u2009234",
    "1\u2009234\u2009567",
    "0.5",
  ]);
});

test("no value is an en dash, never NaN", (t) => {
  for (const format of [formatRate, formatTime, formatBytes, formatPercent, formatDuration, formatCount]) {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) t.is(format(value), "–");
  }
});
