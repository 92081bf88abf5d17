import { NOBODY } from "../blueprint/kinds/index.js";
import type { UserBlueprint } from "../blueprint/types.js";

/** What a process knows of who started it. */
export interface Invoker {
  uid: number;
  gid: number;
  /** Who used sudo, as sudo tells: SUDO_UID and SUDO_GID. */
  sudo: { uid: string | undefined; gid: string | undefined };
}

/**
 * Whom programs of a scenario run as: whoever started mqoe, also by sudo, with the primary group alone; `nobody` when
 * that is root. Root they are never.
 */
export function userOf({ uid, gid, sudo }: Invoker): UserBlueprint {
  if (uid !== 0) return orNobody(uid, gid);
  const [byUid, byGid] = [idOf(sudo.uid), idOf(sudo.gid)];
  return byUid === null || byGid === null ? NOBODY : orNobody(byUid, byGid);
}

export function invoker(): Invoker {
  const { SUDO_UID: uid, SUDO_GID: gid } = process.env;
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, sudo: { uid, gid } };
}

function orNobody(uid: number, gid: number): UserBlueprint {
  return uid === 0 || gid === 0 ? NOBODY : { uid, gid };
}

/** A variable may hold anything. */
function idOf(text: string | undefined): number | null {
  const value = /^\d{1,9}$/u.test(text ?? "") ? Number(text) : null;
  return value === 0 ? null : value;
}
