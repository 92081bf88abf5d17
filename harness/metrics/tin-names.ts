/** Of `dp_tin.discipline`: enum mqoe_discipline_kind of native/sqm/discipline.h. */
const DISCIPLINES = ["none", "pfifo", "fq_codel", "cake", "codel", "cobalt", "bfifo", "dualpi2"] as const;

export type DisciplineName = (typeof DISCIPLINES)[number];

/** Null for a qdisc of Linux's that is none of ours. */
export function disciplineName(kind: number): DisciplineName | null {
  return DISCIPLINES[kind] ?? null;
}

/** As `tc -s qdisc` calls the tins of cake's diffserv3 and diffserv4; all others have numbers. */
const TITLES: Readonly<Record<number, readonly string[]>> = {
  3: ["Bulk", "Best Effort", "Voice"],
  4: ["Bulk", "Best Effort", "Video", "Voice"],
};

/** Heading of tin `index` of `tins`: `Best Effort`, `Tin 0`. */
export function tinTitle(discipline: string | null, tins: number, index: number): string {
  const titles = discipline === "cake" ? TITLES[tins] : undefined;
  return titles?.[index] ?? `Tin ${index}`;
}

/** The same as part of a metric's name: `besteffort`, `tin0`. */
export function tinKey(discipline: string | null, tins: number, index: number): string {
  return tinTitle(discipline, tins, index).toLowerCase().replaceAll(" ", "");
}
