// Typed rules that biome does not have, and the import order of DESIGN §4: a folder imports only folders earlier in
// the way of a run.
import tseslint from "typescript-eslint";

/** folder → folders below harness/ that it may import (besides itself). */
const base = ["units", "stats", "ffi"];
const imports = {
  units: [],
  stats: [],
  ffi: [],
  scenario: ["units"],
  blueprint: ["scenario", "units", "stats"],
  lab: ["blueprint", "scenario", ...base],
  dataplane: ["blueprint", "scenario", "lab", ...base],
  traffic: ["blueprint", "scenario", ...base],
  world: ["blueprint", "scenario", "lab", "dataplane", "traffic", "metrics", "recording", ...base],
  run: [
    "blueprint",
    "scenario",
    "lab",
    "dataplane",
    "traffic",
    "world",
    "metrics",
    "recording",
    "verdict",
    "health",
    "report",
    ...base,
  ],
  recording: ["scenario", "blueprint", ...base],
  metrics: ["scenario", "blueprint", "recording", ...base],
  verdict: ["scenario", "blueprint", "recording", "metrics", ...base],
  health: ["scenario", "blueprint", "recording", "metrics", "verdict", "lab", "world", "run", ...base],
  report: ["scenario", "blueprint", "recording", "metrics", "verdict", "health", ...base],
};
const folders = [...Object.keys(imports), "cli"];

const chain = Object.entries(imports).map(([folder, allowed]) => {
  const forbidden = folders.filter((other) => other !== folder && !allowed.includes(other));
  return {
    files: [`harness/${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: forbidden.map((other) => `**/${other}/*`), message: "later in the chain (DESIGN §4)" }] },
      ],
    },
  };
});

export default tseslint.config(
  {
    files: ["harness/**/*.ts", "test/**/*.ts"],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { arguments: false } }],
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/only-throw-error": "error",
    },
  },
  ...chain,
);
