/** Text that is markup already. Everything else that goes into a page is escaped; nobody has to remember to. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | null | undefined | false | readonly Content[];

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Safe in text and in quoted attributes. Control and direction characters, which can disguise text, become U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\ufffd")
      .replace(/[&<>"']/gu, (character) => ENTITIES[character] as string)
  );
}

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return "";
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return content.map(render).join("");
  return escapeHtml(String(content));
}

/** A template whose values are escaped unless they are Markup; lists are joined, null and false vanish. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < values.length ? render(values[i]) : "")).join(""));
}

export function raw(text: string): Markup {
  return new Markup(text);
}

/** JSON inside a script element: `<` is escaped, so no text in it can end the element or open a comment. */
export function jsonScript(value: unknown): Markup {
  return raw(
    JSON.stringify(value)
      .replace(/</gu, "\\u003c")
      .replace(/\u2028/gu, "\\u2028")
      .replace(/\u2029/gu, "\\u2029"),
  );
}
