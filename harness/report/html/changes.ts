import type { RunSeries } from "../../metrics/series.js";
import { html, type Markup } from "./markup.js";
import { marksOf } from "./plot.js";

/** Times that are listed; of what repeats more often, how often and until when. */
const MAX_TIMES = 6;

/** What the numbers of the marks in a run's plots stand for: each change once, with the times at which it happened. */
export function changesList(changes: RunSeries["changes"]): Markup | null {
  if (changes.length === 0) return null;
  const times = new Map<number, { text: string; at: number[] }>();
  const marks = marksOf(changes);
  for (const { at, number, text } of marks) {
    const known = times.get(number) ?? { text, at: [] };
    known.at.push(at);
    times.set(number, known);
  }
  const more =
    changes.length > marks.length ? html`<li>and ${changes.length - marks.length} more, not marked</li>` : null;
  const items = [...times].map(
    ([number, { text, at }]) => html`<li><b>${number}</b> ${timesText(at)} <code>${text}</code></li>`,
  );
  return html`<ol class="changes" aria-label="Changes while the run went on">${items}${more}</ol>`;
}

function timesText(at: readonly number[]): string {
  const [first, last] = [at[0], at.at(-1)];
  if (at.length > MAX_TIMES) return `${at.length} times from ${first} s to ${last} s`;
  return `at ${at.join(", ")} s`;
}
