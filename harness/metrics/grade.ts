/** Letter grades as numbers, so that `at_least = "A"` is a comparison. */
export const GRADES = [
  { letter: "A+", value: 6, below: 0.005 },
  { letter: "A", value: 5, below: 0.03 },
  { letter: "B", value: 4, below: 0.06 },
  { letter: "C", value: 3, below: 0.2 },
  { letter: "D", value: 2, below: 0.4 },
  { letter: "F", value: 1, below: Number.POSITIVE_INFINITY },
] as const;

/**
 * The bufferbloat grade of an increase in mean RTT under load, in seconds (the table of DSLReports' speed test,
 * dslreports.com/faq/17930): A+ below 5 ms, A below 30, B below 60, C below 200, D below 400, else F.
 */
export function gradeOf(uplift: number): number {
  return GRADES.find((grade) => uplift < grade.below)?.value ?? 1;
}
