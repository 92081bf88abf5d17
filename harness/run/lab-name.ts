import { randomBytes } from "node:crypto";

/** What a lab's name may be: it becomes the prefix of namespaces, and part of paths. */
const LAB_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;

/** A fresh name for every run, so that two labs never meet: `mq-` and four random hex digits. */
export function randomLabName(): string {
  return `mq-${randomBytes(2).toString("hex")}`;
}

/** null when fine, else what is wrong with it. */
export function labNameProblem(name: string): string | null {
  return LAB_NAME.test(name)
    ? null
    : `"${name}" is no lab name: 1–32 characters A-Z a-z 0-9 _ . -, starting with a letter or digit`;
}
