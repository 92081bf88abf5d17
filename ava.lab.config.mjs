// Tests that build real labs: one at a time, because they measure latency on a machine with two cores.
export default {
  files: ["dist/test/lab/**/*.test.js"],
  concurrency: 1,
  serial: true,
  timeout: "8m",
};
