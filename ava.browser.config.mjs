// Tests that open the HTML report in Chromium; they skip with a reason where there is none.
export default {
  files: ["dist/test/browser/**/*.test.js"],
  concurrency: 1,
  timeout: "3m",
};
