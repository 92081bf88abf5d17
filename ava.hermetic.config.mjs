// Tests that boot guests (`mqoe world build` first): one file at a time, because each run takes a CPU of its own and a
// test may start several. No privilege needed, no number in them depends on the machine.
export default {
  files: ["dist/test/hermetic/**/*.test.js"],
  concurrency: 1,
  serial: true,
  timeout: "8m",
};
