import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Programs that the build runs, and Debian's package of each. */
const TOOLS: readonly [program: string, debian: string][] = [
  ["gcc", "build-essential"],
  ["make", "build-essential"],
  ["ld", "build-essential"],
  ["strip", "build-essential"],
  ["flex", "flex"],
  ["bison", "bison"],
  ["bc", "bc"],
  ["xz", "xz-utils"],
  ["tar", "tar"],
  ["gzip", "gzip"],
];
/** Only where Debian's source package is fetched. */
const PACKAGE_TOOLS: readonly [string, string][] = [
  ["apt-get", "apt"],
  ["dpkg-deb", "dpkg"],
];

const SOURCE_HINT =
  "give a Linux source yourself: mqoe world build --source DIR|TARBALL (any Linux from 6.6 on, as unpacked or as linux-*.tar.xz)";

/**
 * What is missing of the tools, as one message with the line that installs them; null when all are there. `own` = the
 * source is given, so that nothing of apt's is needed.
 */
export function missingTools(env: NodeJS.ProcessEnv, own: boolean): string | null {
  const absent = [...TOOLS, ...(own ? [] : PACKAGE_TOOLS)].filter(([program]) => !isInPath(program, env));
  if (absent.length === 0) return null;
  const programs = absent.map(([program]) => program);
  const found = `building the guest kernel needs ${programs.join(", ")}, which this machine lacks`;
  const packages = [...new Set(absent.filter((tool) => !PACKAGE_TOOLS.includes(tool)).map(([, name]) => name))];
  if (absent.some((tool) => PACKAGE_TOOLS.includes(tool))) {
    const also = packages.length > 0 ? `, and install (by Debian's names) ${packages.join(" ")}` : "";
    return `${found}. Its source comes as a package of Debian's; without apt, ${SOURCE_HINT}${also}`;
  }
  return `${found}; install it with: sudo apt-get install ${packages.join(" ")}`;
}

/** What to do when apt does not have the package. */
export function noPackageHint(name: string): string {
  return `apt knows no package ${name} here (Debian 12 with its security updates, and Debian 13, have it; "sudo apt-get update" refreshes apt's lists); or ${SOURCE_HINT}`;
}

function isInPath(program: string, env: NodeJS.ProcessEnv): boolean {
  return (env.PATH ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
