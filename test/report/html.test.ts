import test from "ava";
import { html, jsonScript, raw } from "../../harness/report/html/markup.js";
import { renderHtml } from "../../harness/report/index.js";
import { makeExpectation, makeInput } from "./fixtures.js";

/** Without the two scripts: what the page itself says. */
const bodyOf = (page: string) => page.slice(page.indexOf("<body>"), page.lastIndexOf("<script>var uPlot"));

test("a template escapes everything but markup", (t) => {
  const evil = `<img src=x onerror="alert('1')">&`;
  t.is(html`<b title="${evil}">${[evil, raw("<i>"), null, false, 3]}</b>`.text.includes("<img"), false);
  t.is(html`<p>${"a & b"}${html`<br>`}</p>`.text, "<p>a &amp; b<br></p>");
  t.is(html`${"\u202egpj.exe\u0000"}`.text, "\ufffdgpj.exe\ufffd");
  t.is(jsonScript({ a: "</script><!--\u2028" }).text, '{"a":"\\u003c/script>\\u003c!--\\u2028"}');
});

test("hostile names end up as text, in every place where names go", (t) => {
  const evil = `</script><script>alert(1)</script>"'><img src=x onerror=alert(1)>`;
  const input = makeInput({ clients: 1, title: evil });
  const [report] = input.cases;
  if (report === undefined) return t.fail("no case");
  report.result.id = evil;
  report.result.reason = evil;
  report.result.matrix = { [evil]: evil };
  report.result.by = { [`client/${evil}`]: report.result.metrics };
  report.result.expectations = [
    makeExpectation({ metric: evil, reason: evil, file: evil, worst: { client: evil, value: 1, limit: 1 } }),
  ];
  for (const run of report.runs) {
    run.environment = { [evil]: evil };
    for (const s of [...(run.series?.latency ?? []), ...(run.series?.throughput ?? []), ...(run.series?.queue ?? [])])
      s.client = evil;
    for (const client of run.blueprint?.dataplane.clients ?? []) client.name = evil;
    for (const server of run.blueprint?.dataplane.servers ?? []) server.name = evil;
  }
  const page = renderHtml({ ...input, command: evil, version: evil });
  t.false(page.includes("<script>alert"));
  t.false(page.includes("<img"));
  t.is(page.split("</script>").length, page.split("<script").length, "every script element is one of ours");
});

test("the page asks the network for nothing", (t) => {
  const page = renderHtml(makeInput({ clients: 3, disciplines: ["fq_codel", "pfifo"] }));
  t.notRegex(page, /(src|href|action|poster|srcset)\s*=\s*["']?\s*(https?:)?\/\//iu);
  t.notRegex(page, /url\(|@import|<link|<iframe|<img/iu);
  t.notRegex(page, /\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import)\s*\(/u);
  t.regex(page, /Content-Security-Policy" content="default-src 'none';/u);
});

test("everything that a reader looks for is on the page", (t) => {
  const page = bodyOf(renderHtml(makeInput({ clients: 3, disciplines: ["fq_codel", "pfifo"], runs: 2 })));
  for (const id of ["home-line[sqm=fq_codel]", "home-line[sqm=pfifo]"]) t.true(page.includes(id), id);
  const texts = [
    "ping.induced.p99",
    "≥ 90% of share",
    "18.6 Mbit/s",
    "expected fail",
    "a 1000-packet FIFO",
    "home-line.toml:52",
  ];
  texts.push(
    "AMD EPYC 9R14",
    "6.18.0",
    "cpu-headroom",
    "reactor 0",
    "metro",
    "unaccounted",
    "Run 2",
    "mqoe run scenarios/quickstart",
  );
  for (const text of texts) t.true(page.includes(text), text);
  for (const title of ["Latency", "Throughput", "Queue sojourn, download", "Drops and marks", "Latency distribution"]) {
    t.true(page.includes(`<figcaption><b>${title}</b>`), title);
  }
  t.is(page.split("Environment</h2>").length, 2, "the same machine is described once");
  t.regex(page, /<svg viewBox="0 0 880 250" role="img" aria-label="Latency: /u);
});

test("the same input makes the same page", (t) => {
  t.is(renderHtml(makeInput({ clients: 2 })), renderHtml(makeInput({ clients: 2 })));
});

test("the page stays below 3 MB for 3 × 100,000 probes and for many runs", (t) => {
  const limit = 3e6;
  const large = makeInput({ disciplines: ["fq_codel", "pfifo", "none"], probeInterval: 30 / 100_000 });
  t.is(large.cases[0]?.runs[0]?.series?.latency[0]?.time.length, 100_001);
  t.true(renderHtml(large).length < limit);
  const many = makeInput({ clients: 6, disciplines: ["fq_codel", "pfifo", "none"], runs: 10 });
  t.true(renderHtml(many).length < limit, String(renderHtml(many).length));
});

test("200 clients: groups in the drawing, the worst fifty in the table, the rest in a line", (t) => {
  const page = bodyOf(renderHtml(makeInput({ clients: 200, probeInterval: 0.2 })));
  t.regex(page, /200 clients drawn as 4 groups/u);
  t.regex(page, /home × 80/u);
  t.regex(page, /150 more clients, all better than these/u);
  const table = page.slice(page.indexOf('<table class="clients">'));
  const rows = table.slice(0, table.indexOf("</table>")).split("<tr>").slice(2);
  t.is(rows.length, 50);
  const induced = rows.map((row) => Number(/class="n">([\d.]+) ms/u.exec(row)?.[1]));
  t.deepEqual(
    induced,
    induced.toSorted((a, b) => b - a),
  );
});

test("a case that left nothing is still a page", (t) => {
  const input = makeInput();
  const [report] = input.cases;
  if (report === undefined) return t.fail("no case");
  report.runs = [{ repeat: 1, blueprint: null, environment: null, series: null }];
  report.case = null;
  Object.assign(report.result, {
    verdict: "invalid",
    reason: "the dataplane was killed by SIGKILL",
    metrics: {},
    by: {},
  });
  report.result.accounting.unaccounted = null;
  const page = bodyOf(renderHtml({ ...input, results: { ...input.results, verdict: "invalid" } }));
  t.regex(page, /the dataplane was killed by SIGKILL/u);
  t.regex(page, /This run left no samples to plot/u);
  t.regex(page, /the run ended early/u);
  const empty = renderHtml({ ...input, results: { ...input.results, cases: [] }, cases: [] });
  t.regex(empty, /0 cases/u);
});

test("what differed between the environments of runs is told apart from what they shared", (t) => {
  const input = makeInput({ disciplines: ["fq_codel", "pfifo"] });
  const run = input.cases[1]?.runs[0];
  if (run === undefined) return t.fail("no run");
  run.environment = { ...run.environment, node: "v22.0.0" };
  const page = bodyOf(renderHtml(input));
  const [shared = "", differed = ""] = page
    .slice(page.indexOf("Environment</h2>"))
    .split("What differed between runs</h3>");
  t.true(shared.includes("AMD EPYC 9R14"));
  t.false(differed.includes("AMD EPYC 9R14"));
  t.regex(
    differed,
    /Node\.js <span class="muted">Software<\/span><\/th><td>v20\.20\.2<\/td><td class="muted">home-line\[sqm=fq_codel\] run 1</u,
  );
  t.regex(
    differed,
    /Node\.js <span class="muted">Software<\/span><\/th><td>v22\.0\.0<\/td><td class="muted">home-line\[sqm=pfifo\] run 1</u,
  );
});

test("the environment is told in groups and words, not in dotted paths", (t) => {
  const input = makeInput();
  const run = input.cases[0]?.runs[0];
  if (run === undefined) return t.fail("no run");
  const reactors = [{ id: 0, timer_slack: 1, xdp: { access: "native" } }];
  run.environment = { ...run.environment, native: { dataplane: { reactors }, traffic: { sockets: 7 } } };
  const page = bodyOf(renderHtml(input));
  const environment = page.slice(page.indexOf("Environment</h2>"));
  for (const group of ["Software", "Machine", "Kernel settings", "Dataplane process", "Traffic process"]) {
    t.true(environment.includes(`<h3>${group}</h3>`), group);
  }
  for (const [label, value] of [
    ["Node.js", "v20.20.2"],
    ["memory", "8.59 GB"],
    ["processor", "AMD EPYC 9R14"],
    ["net.core.default_qdisc", "pfifo_fast"],
    ["reactor 0: timer slack", "1"],
    ["reactor 0: xdp: access", "native"],
    ["sockets", "7"],
  ]) {
    t.true(environment.includes(`<dt>${label}</dt><dd>${value}</dd>`), label);
  }
  t.false(environment.includes("native.dataplane"));
});

test("a run that its user stopped does not blame the machine, and has no rows of dashes", (t) => {
  const input = makeInput();
  const [result] = input.results.cases;
  if (result === undefined) return t.fail("no case");
  Object.assign(result, { verdict: "invalid", reason: "stopped by you before the end; not judged" });
  for (const metric of Object.values(result.metrics)) metric.value = null;
  const page = bodyOf(renderHtml({ ...input, results: { ...input.results, verdict: "invalid" } }));
  t.regex(page, /Stopped by you before the end; not judged\./u);
  t.notRegex(page, /was the limit, so nothing/u);
  t.notRegex(page, /class="label">(Goodput|Latency)/u);
});

test("cake's tins stand in a table, by direction and rising priority; without tins there is none", (t) => {
  const input = makeInput({ clients: 1 });
  t.false(bodyOf(renderHtml(input)).includes("Tins, all clients"));
  for (const { result } of input.cases) {
    for (const [tin, share] of [
      ["voice", 0.1],
      ["besteffort", 0.9],
    ] as const)
      result.metrics[`dataplane.tin.${tin}.share_down`] = { value: share, unit: "ratio", count: 9 };
    result.metrics["dataplane.tin.voice.drops_up"] = { value: 3, unit: "packets", count: 9 };
    result.metrics["dataplane.tin.voice.drops"] = { value: 3, unit: "packets", count: 9 };
  }
  const [, table = ""] = bodyOf(renderHtml(input)).split("Tins, all clients");
  const rows = [...table.slice(0, table.indexOf("</table>")).matchAll(/<tr><th scope="row">(.*?)<\/tr>/gu)];
  t.deepEqual(
    rows.map(([, row = ""]) =>
      row
        .replace(/<[^>]*>/gu, " ")
        .split(/ +/u)
        .slice(0, 5),
    ),
    [
      ["besteffort", "down", "0.9", "–", "–"],
      ["voice", "down", "0.1", "–", "–"],
      ["voice", "up", "–", "–", "3"],
    ],
  );
});
