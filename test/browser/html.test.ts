import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { type ReportInput, renderHtml } from "../../harness/report/index.js";
import { makeInput } from "../report/fixtures.js";

/**
 * The page in a real browser, opened as a file. MQOE_SCREENSHOTS=DIR keeps the pictures, for people to look at.
 */
const CHROMIUM = "/usr/bin/chromium";
const ARGUMENTS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
const found = existsSync(CHROMIUM);
const inBrowser = found ? test.serial : test.serial.skip;
if (!found) test("chromium", (t) => t.pass(`skipped: there is no ${CHROMIUM} (Debian package chromium)`));

let browser: Browser;
let folder: string;
test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), "mqoe-browser-"));
  if (found) browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS.split(" ") });
});
test.after.always(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  page: Page;
  /** Everything that should not have happened. */
  problems: string[];
}

interface View {
  width?: number;
  scheme?: "light" | "dark";
  scripts?: boolean;
}

async function open(name: string, input: ReportInput, view: View = {}): Promise<Opened> {
  const file = join(folder, `${name}.html`);
  writeFileSync(file, renderHtml(input));
  const context = await browser.newContext({
    viewport: { width: view.width ?? 1280, height: 900 },
    colorScheme: view.scheme ?? "light",
    javaScriptEnabled: view.scripts ?? true,
  });
  const page = await context.newPage();
  const problems: string[] = [];
  const url = pathToFileURL(file).href;
  page.on("console", (message) => problems.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("request", (request) => request.url() === url || problems.push(`request: ${request.url()}`));
  await page.goto(url);
  return { page, problems };
}

/** Plots are drawn when they come into view. */
async function scrollThrough(page: Page): Promise<void> {
  const height = await page.evaluate("document.body.scrollHeight");
  for (let y = 0; y < Number(height); y += 600) {
    await page.evaluate(`scrollTo(0, ${y})`);
    await page.waitForTimeout(40);
  }
  await page.evaluate("scrollTo(0, 0)");
  const open = page.locator("figure.plot:not(details:not([open]) *)");
  await page.waitForFunction(
    "[...document.querySelectorAll('figure.plot')].filter((f) => !f.closest('details:not([open])')).every((f) => f.querySelector('canvas'))",
  );
  if ((await open.count()) === 0) throw new Error("no plots on the page");
}

async function screenshot(page: Page, name: string): Promise<void> {
  const kept = process.env.MQOE_SCREENSHOTS;
  if (kept === undefined) return;
  mkdirSync(kept, { recursive: true });
  await page.screenshot({ path: join(resolve(kept), `${name}.png`), fullPage: true });
}

/** Colours of a canvas that cover more than a trace of it: background is transparent and not counted. */
const INK = `
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, copy.width, copy.height);
  const colours = new Map();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 200) continue;
    const key = data[i] + "," + data[i + 1] + "," + data[i + 2];
    colours.set(key, (colours.get(key) || 0) + 1);
  }
  return [...colours].filter(([, n]) => n > 100).map(([key]) => key);
`;

/** Text rather than functions: this folder is compiled without the DOM's types. */
function inkOf(canvas: Locator): Promise<string[]> {
  return canvas.evaluate(new Function("canvas", INK) as () => string[]);
}

function pictureOf(canvas: Locator): Promise<string> {
  return canvas.evaluate(new Function("canvas", "return canvas.toDataURL()") as () => string);
}

function rgb(hex: string): string {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join(",");
}

inBrowser("one case: no errors, no requests, every plot drawn in its colours", async (t) => {
  const { page, problems } = await open("one", makeInput());
  await scrollThrough(page);
  t.is(await page.locator("canvas").count(), 6);
  for (const canvas of await page.locator("canvas").all()) {
    const ink = await inkOf(canvas);
    t.true(ink.length >= 2, `a canvas shows only ${ink.join(" ")}`);
  }
  const latency = page.locator("figure.plot", { has: page.locator("figcaption b", { hasText: /^Latency$/u }) });
  const ink = await inkOf(latency.locator("canvas"));
  t.true(ink.includes(rgb("#0072b2")), ink.join(" "));
  t.is(await page.locator(".verdict-mark .words").textContent(), "pass");
  t.is(await page.locator("table.verdicts tbody tr").count(), 3);
  t.deepEqual(await page.locator("table.verdicts tbody tr").first().locator("td, th").allInnerTexts(), [
    "✓ pass",
    "ping.induced.p99",
    "< 30ms",
    "5.5 ms",
    "5.8 ms home",
    "home-line.toml:52",
  ]);
  t.deepEqual(problems, []);
  await screenshot(page, "one-1280-light");
});

inBrowser(
  "twenty changes: each has a line and a number, none covers another, and the list says what they were",
  async (t) => {
    const input = makeInput();
    const series = input.cases[0]?.runs[0]?.series;
    if (!series) return t.fail("the fixture has no series");
    const end = Math.max(...series.phases.map((phase) => phase.end));
    const texts = [
      "path.metro.link = down",
      "path.metro.link = up",
      "client.late.online = true, plan.home.down = 5mbit",
    ];
    series.changes = Array.from({ length: 20 }, (_, i) => {
      return { at: (end * (i + 1)) / 22, text: i < 16 ? (texts[i % 2] as string) : `${texts[2]} (${i})` };
    });
    // Too near its neighbour for a number of its own.
    series.changes.push({ at: (end * 20.2) / 22, text: "traffic.bulk.flows = 8" });
    const still = await open("changes-static", input, { scripts: false });
    const latency = still.page.locator("figure.plot", {
      has: still.page.locator("figcaption b", { hasText: /^Latency$/u }),
    });
    t.is(await latency.locator("path.mark").count(), 21);
    const boxes = await Promise.all((await latency.locator("rect.mark").all()).map((box) => box.boundingBox()));
    t.is(boxes.length, 20);
    const edges = boxes.map((box) => [box?.x ?? 0, (box?.x ?? 0) + (box?.width ?? 0)] as const);
    t.true(
      edges.every(([left], i) => i === 0 || left >= (edges[i - 1] as readonly [number, number])[1]),
      edges.join(" "),
    );
    t.is(await still.page.locator("ol.changes").first().locator("li").count(), 2 + 4 + 1);
    await screenshot(still.page, "changes-static");
    const { page, problems } = await open("changes", input);
    await scrollThrough(page);
    const live = page
      .locator("figure.plot", { has: page.locator("figcaption b", { hasText: /^Latency$/u }) })
      .locator(".u-over");
    const width = (await live.boundingBox())?.width ?? 0;
    await live.hover({ position: { x: width / 22, y: 60 } });
    t.regex((await live.getAttribute("title")) ?? "", /path\.metro\.link = down$/u);
    await live.hover({ position: { x: width / 44, y: 60 } });
    t.is(await live.getAttribute("title"), "");
    t.deepEqual(problems, []);
    await screenshot(page, "changes-live");
  },
);

inBrowser("log scale, values under the cursor, zoom", async (t) => {
  const { page, problems } = await open("controls", makeInput({ disciplines: ["pfifo"] }));
  await scrollThrough(page);
  const latency = page.locator("figure.plot", { has: page.locator("figcaption b", { hasText: /^Latency$/u }) });
  const toggle = latency.getByRole("button", { name: "log scale" });
  t.is(await toggle.getAttribute("aria-pressed"), "true", "starts logarithmic: 20 ms to 600 ms");
  const picture = () => pictureOf(latency.locator("canvas"));
  const before = await picture();
  await toggle.click();
  t.is(await toggle.getAttribute("aria-pressed"), "false");
  t.not(await picture(), before);
  await toggle.click();
  t.is(await picture(), before);
  const box = await latency.locator(".u-over").boundingBox();
  if (box === null) return t.fail("the plot has no area");
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const value = latency.locator(".u-legend tr").nth(1).locator(".u-value");
  t.regex((await value.textContent()) ?? "", /^[3-6]\d\d ms$/u, "in the middle of the loaded phase");
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 100, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  t.not(await picture(), before);
  t.deepEqual(problems, []);
});

inBrowser("a matrix in the dark: colours follow, the second run is drawn when it is opened", async (t) => {
  const input = makeInput({ clients: 3, disciplines: ["fq_codel", "pfifo", "none"], runs: 2 });
  const { page, problems } = await open("matrix", input, { scheme: "dark" });
  await scrollThrough(page);
  t.is(await page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(15, 17, 21)");
  const first = page.locator("#comparison canvas");
  const ink = await inkOf(first);
  t.true(
    ["#4aa8e8", "#f28240", "#2cc295"].every((colour) => ink.includes(rgb(colour))),
    ink.join(" "),
  );
  t.is(await page.locator("#comparison .glance tbody tr").count(), 3);
  await screenshot(page, "matrix-1280-dark");
  const details = page.locator("details").first();
  t.is(await details.locator("canvas").count(), 0);
  await details.locator("summary").click();
  await details.locator("canvas").first().waitFor();
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForFunction("getComputedStyle(document.body).backgroundColor === 'rgb(252, 252, 251)'");
  const light = await inkOf(first);
  t.true(light.includes(rgb("#d55e00")), "plots are redrawn when the scheme changes");
  t.deepEqual(problems, []);
});

/** A matrix as wide as the reference scenarios': one case under many names. */
function wideInput(columns: number): ReportInput {
  const input = makeInput({ disciplines: ["fq_codel"], runs: 2 });
  const [first] = input.cases;
  if (first === undefined) throw new Error("no case");
  input.cases = Array.from({ length: columns }, (_, i) => {
    const middle = `linux-cake-besteffort-${i + 1}`;
    return { ...first, result: { ...first.result, id: `line[middle=${middle}]`, matrix: { middle } } };
  });
  input.results.cases = input.cases.map(({ result }) => result);
  return input;
}

inBrowser("fourteen cases side by side: all in view on a desk, the names stay when a phone scrolls", async (t) => {
  const desk = await open("wide", wideInput(14), { width: 1440 });
  t.is(await desk.page.locator("table.beside thead th").count(), 15);
  await screenshot(desk.page, "wide-1440");
  t.deepEqual(desk.problems, []);
  const { page } = await open("wide-phone", wideInput(14), { width: 400 });
  t.is(await page.evaluate("document.documentElement.scrollWidth"), 400);
  const name = page.locator("table.beside tbody tr").nth(1).locator("th");
  const before = await name.boundingBox();
  await page.evaluate("document.querySelector('table.beside').parentElement.scrollLeft = 300");
  t.deepEqual(await name.boundingBox(), before);
  const covered =
    "(th) => document.elementFromPoint(th.getBoundingClientRect().right - 4, th.getBoundingClientRect().top + 8) === th";
  await name.scrollIntoViewIfNeeded();
  t.true(await name.evaluate(new Function("th", `return (${covered})(th)`) as () => boolean), "numbers pass behind it");
  await screenshot(page, "wide-phone");
});

inBrowser("nothing is wider than a phone, in either scheme", async (t) => {
  const input = makeInput({ clients: 3, disciplines: ["fq_codel", "pfifo"] });
  for (const scheme of ["light", "dark"] as const) {
    const { page, problems } = await open("phone", input, { width: 400, scheme });
    await scrollThrough(page);
    t.is(await page.evaluate("document.documentElement.scrollWidth"), 400);
    t.deepEqual(problems, []);
    await screenshot(page, `matrix-400-${scheme}`);
  }
});

inBrowser("200 clients stay readable", async (t) => {
  const { page, problems } = await open("many", makeInput({ clients: 200, probeInterval: 0.1 }));
  await scrollThrough(page);
  t.is(await page.locator("table.clients tbody tr").count(), 50);
  t.true(((await page.locator(".topology rect").count()) as number) < 20);
  t.deepEqual(problems, []);
  await screenshot(page, "many-1280-light");
});

inBrowser("without scripting the drawings are there; printing shows them instead of canvases", async (t) => {
  const off = await open("static", makeInput(), { scripts: false });
  t.is(await off.page.locator("figure.plot .static svg:visible").count(), 6);
  t.is(await off.page.locator("button.toggle:visible").count(), 0, "no button that does nothing");
  await screenshot(off.page, "static-1280-light");
  const on = await open("print", makeInput());
  await scrollThrough(on.page);
  t.is(await on.page.locator("figure.plot .static svg:visible").count(), 0);
  await on.page.emulateMedia({ media: "print" });
  t.is(await on.page.locator("figure.plot .static svg:visible").count(), 6);
  t.is(await on.page.locator("canvas:visible").count(), 0);
  t.deepEqual([...off.problems, ...on.problems], []);
});

inBrowser("hostile names do not run", async (t) => {
  const evil = `</script><script>document.title = "owned"</script><img src=x onerror="document.title = 'owned'">`;
  const input = makeInput({ title: evil });
  for (const run of input.cases[0]?.runs ?? []) {
    for (const series of run.series?.latency ?? []) series.client = evil;
    for (const client of run.blueprint?.dataplane.clients ?? []) client.name = evil;
  }
  const { page, problems } = await open("hostile", input);
  await scrollThrough(page);
  t.true((await page.title()).startsWith("pass: </script>"));
  t.is(await page.locator("img").count(), 0);
  t.deepEqual(problems, []);
});
