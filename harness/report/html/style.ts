/**
 * The page's style. The palette is Okabe and Ito's (2008), told apart with every common colour vision; on dark ground
 * its dark blue and its black are lightened. Verdicts never rest on colour alone.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #fcfcfb; --card: #ffffff; --ink: #16181d; --muted: #5d6470; --faint: #8a919e; --line: #e4e6ea; --soft: #f3f4f6;
  --good: #00734f; --bad: #b3261e; --odd: #8a5a00; --mute: #5d6470;
  --good-ground: #e3f4ed; --bad-ground: #fbe7e5; --odd-ground: #fbf0d9; --mute-ground: #eef0f3;
  --band: rgba(20, 30, 50, .025); --band-loaded: rgba(230, 120, 0, .07);
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #a8508a; --c4: #e69f00; --c5: #3a9bd4; --c6: #b8a800; --c7: #555b66;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1115; --card: #16191f; --ink: #e8eaee; --muted: #a2a9b6; --faint: #757d8b; --line: #2a2f38; --soft: #1c2027;
    --good: #4fd1a1; --bad: #ff8a80; --odd: #f2bd5a; --mute: #a2a9b6;
    --good-ground: #12312a; --bad-ground: #3a1b1b; --odd-ground: #352a14; --mute-ground: #22262e;
    --band: rgba(255, 255, 255, .02); --band-loaded: rgba(255, 170, 60, .07);
    --c0: #4aa8e8; --c1: #f28240; --c2: #2cc295; --c3: #d98fbf; --c4: #f0b429; --c5: #8fd0f5; --c6: #e3da4c; --c7: #b3bac6;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; font-variant-numeric: tabular-nums; }
main, header.top, footer { max-width: 1120px; margin: 0 auto; padding: 0 28px; }
h1, h2, h3 { line-height: 1.2; letter-spacing: -.012em; text-wrap: balance; }
h1 { font-size: clamp(24px, 3.6vw, 36px); margin: 14px 0 10px; font-weight: 650; }
h2 { font-size: 23px; margin: 0 0 6px; font-weight: 650; overflow-wrap: anywhere; }
h3 { font-size: 16px; margin: 36px 0 10px; font-weight: 650; }
p { margin: 0 0 8px; }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }
code, .mono { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace; font-size: .9em; overflow-wrap: anywhere; }
.muted { color: var(--muted); } .nowrap { white-space: nowrap; }
section { margin: 56px 0 0; } section.case { padding-top: 40px; border-top: 1px solid var(--line); }

header.top { padding-top: 44px; }
.brand { font-weight: 650; letter-spacing: -.01em; color: var(--muted); }
.hero { display: flex; gap: 28px; align-items: center; margin-top: 22px; flex-wrap: wrap; }
.hero > div:last-child { flex: 1 1 380px; min-width: 0; }
.verdict-mark { flex: none; display: grid; place-items: center; align-content: center; min-width: 168px; padding: 22px 26px 20px; border-radius: 18px; border: 2px solid currentColor; text-align: center; }
.verdict-mark .symbol { font-size: 52px; line-height: 1; font-weight: 700; }
.verdict-mark .words { font-size: 24px; font-weight: 700; letter-spacing: .01em; line-height: 1.25; margin-top: 8px; text-transform: uppercase; }
.tone-good { color: var(--good); } .tone-bad { color: var(--bad); } .tone-odd { color: var(--odd); } .tone-mute { color: var(--mute); }
.verdict-mark.tone-good { background: var(--good-ground); } .verdict-mark.tone-bad { background: var(--bad-ground); }
.verdict-mark.tone-odd { background: var(--odd-ground); } .verdict-mark.tone-mute { background: var(--mute-ground); }
h2 .badge { vertical-align: 4px; margin-left: 6px; letter-spacing: 0; } .badge { display: inline-block; padding: 1px 9px 2px; border-radius: 99px; font-size: 13px; font-weight: 600; white-space: nowrap; }
.badge.tone-good { background: var(--good-ground); } .badge.tone-bad { background: var(--bad-ground); }
.badge.tone-odd { background: var(--odd-ground); } .badge.tone-mute { background: var(--mute-ground); }
dl.meta { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 14px 0 0; font-size: 14px; }
dl.meta dt { color: var(--muted); } dl.meta dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }

.scroll { position: relative; overflow-x: auto; margin: 0 -4px; padding: 0 4px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
table.verdicts tbody th { min-width: 170px; } table.verdicts code { white-space: nowrap; } caption { text-align: left; color: var(--muted); padding: 0 0 8px; }
th, td { text-align: left; padding: 8px 14px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--muted); font-weight: 500; font-size: 13px; border-bottom-color: var(--faint); vertical-align: bottom; }
tbody th { font-weight: 500; } td.n, th.n { text-align: right; white-space: nowrap; } th:last-child, td:last-child { padding-right: 0; }
tbody tr:hover { background: var(--soft); } td.reason, .reason { color: var(--muted); font-weight: 400; } tbody th > .reason { display: block; font-size: 13px; }
tr.group th { padding-top: 20px; color: var(--ink); font-weight: 650; border-bottom-color: var(--line); overflow-wrap: anywhere; }

table.beside { width: auto; min-width: min(100%, 560px); border-collapse: separate; border-spacing: 0; } table.beside th, table.beside td { padding: 5px 0 5px 16px; } table.beside.many { font-size: 13px; } table.beside.many th, table.beside.many td { padding-left: 12px; }
table.beside th:first-child { position: sticky; left: 0; background: var(--ground); padding: 5px 10px 5px 0; min-width: 128px; box-shadow: 1px 0 0 var(--line); } table.beside tbody tr:hover th:first-child { background: var(--soft); }
table.beside thead th.n { white-space: normal; min-width: 62px; max-width: 104px; overflow-wrap: break-word; } table.beside small { display: block; font-size: 11.5px; line-height: 1.3; color: var(--muted); } table.beside td.n a { text-decoration: none; } table.beside tr.block th { font-weight: 650; } table.beside tbody + tbody tr.block > * { padding-top: 20px; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(176px, 1fr)); margin: 20px 0 0; border: 1px solid var(--line); border-radius: 14px; background: var(--card); overflow: hidden; }
.tile { padding: 16px 20px 15px; box-shadow: 1px 0 0 var(--line), 0 1px 0 var(--line); }
.tile .label { color: var(--muted); font-size: 13px; } .tile .value { font-size: 23px; font-weight: 620; letter-spacing: -.02em; line-height: 1.3; } .tile .value span { white-space: nowrap; }
.tile .value small { font-size: 15px; font-weight: 450; color: var(--muted); letter-spacing: 0; } .tile .note { color: var(--muted); font-size: 13px; }

.notice { border-left: 3px solid var(--odd); background: var(--odd-ground); padding: 10px 16px; border-radius: 0 10px 10px 0; margin: 16px 0 0; } .notice ul { margin: 4px 0 0; padding-left: 20px; }
figure { margin: 0; } figure.card, figure.plot { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 16px 18px 12px; margin: 14px 0 0; min-width: 0; }
figcaption { font-size: 13px; color: var(--muted); margin-bottom: 10px; padding-right: 92px; position: relative; min-height: 22px; } figcaption b { color: var(--ink); font-size: 14px; font-weight: 620; margin-right: 6px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 0 14px; }
button.toggle { position: absolute; right: 0; top: -2px; font: inherit; font-size: 12px; color: var(--muted); background: none; border: 1px solid var(--line); border-radius: 99px; padding: 1px 10px 2px; cursor: pointer; }
button.toggle[aria-pressed="true"] { background: var(--soft); color: var(--ink); border-color: var(--faint); } :focus-visible { outline: 2px solid var(--c0); outline-offset: 2px; }
figure.is-live > .static { display: none; } .live { min-width: 0; overflow: hidden; } figure:not(.is-live) > .live { height: 0; }
.static svg { display: block; width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: var(--muted); }
.plot svg .tick { text-anchor: middle; } .plot svg .end { text-anchor: end; } .plot svg .start { text-anchor: start; } .plot svg .phase { text-anchor: middle; fill: var(--faint); }
.plot svg .grid { stroke: var(--line); fill: none; } .plot svg .line { fill: none; stroke-width: 1.4; stroke-linejoin: round; } .plot svg .area { fill-opacity: .85; } .plot svg .pale { fill-opacity: .5; } .plot svg .dashed { stroke-dasharray: 5 4; }
.plot svg .band { fill: var(--band); } .plot svg .band.loaded { fill: var(--band-loaded); } .plot svg .loss { stroke: var(--bad); } .plot svg path.mark { stroke: var(--muted); stroke-dasharray: 4 3; } .plot svg rect.mark { fill: var(--card); stroke: var(--muted); } .plot svg text.mark { text-anchor: middle; fill: var(--ink); font-size: 10px; }
ol.changes { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; padding: 0; font-size: 13px; color: var(--muted); } ol.changes b { display: inline-block; min-width: 18px; padding: 0 3px; margin-right: 4px; border: 1px solid var(--muted); border-radius: 4px; color: var(--ink); background: var(--card); text-align: center; font-size: 11px; font-weight: 500; } ol.changes code { overflow-wrap: anywhere; }
ul.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 6px 0 0; padding: 0; font-size: 13px; color: var(--muted); } ul.legend i { display: inline-block; width: 14px; border-top: 3px solid var(--c); margin-right: 6px; vertical-align: middle; } ul.legend i.dashed { border-top-style: dashed; }
.uplot { font-family: inherit; } .u-legend { font-size: 13px; color: var(--muted); text-align: left; margin: 2px 0 0 !important; } .u-legend tbody { display: flex; flex-wrap: wrap; } .u-legend tr:first-child { order: 99; } .u-legend tr:first-child .u-marker { display: none; } .u-legend .u-series > * { padding: 1px 3px; border: 0; } .u-legend th { font-weight: 450; } .u-inline tr { margin-right: 10px; } .u-legend tr:hover { background: none; } .u-legend td, .u-legend th { border: 0; } .u-legend .u-value { min-width: 62px; color: var(--ink); } .live:not(:hover) .u-value, .live:not(:hover) .u-legend tr:first-child, .live:not(:hover) .u-live th::after { visibility: hidden; } .u-legend .u-marker { width: 14px; height: 4px; border-radius: 2px; }
.u-select { background: rgba(90, 130, 200, .16); } .u-hz .u-cursor-x, .u-vt .u-cursor-y, .u-hz .u-cursor-y { border-color: var(--faint); }

.topology svg { display: block; min-width: 820px; width: 100%; height: auto; } .topology text { font-size: 12px; } .topology .name { font-weight: 600; fill: var(--ink); font-size: 13px; } .topology .head { fill: var(--faint); font-size: 11px; letter-spacing: .04em; }
.topology rect { fill: var(--soft); stroke: var(--line); } .topology rect.product { fill: var(--card); stroke: var(--c0); stroke-width: 1.5; } .topology .link { fill: none; stroke: var(--faint); stroke-width: 1.2; opacity: .65; }
.balance { display: flex; flex-wrap: wrap; align-items: stretch; gap: 8px 6px; margin: 12px 0 0; padding: 0; list-style: none; } .balance li { display: flex; align-items: center; gap: 6px; } .balance .op { color: var(--faint); font-size: 18px; }
.balance .cell { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 6px 12px 7px; min-width: 66px; } .balance .cell b { display: block; font-size: 17px; font-weight: 620; } .balance .cell span { color: var(--muted); font-size: 12.5px; } .balance .main { border-color: var(--faint); } .balance .cell.tone-good { color: var(--good); } .balance .cell.tone-bad { color: var(--bad); }
.range { display: block; width: 100%; min-width: 190px; height: 22px; } .range .track { stroke: var(--line); } .range .span { stroke-width: 4; stroke-linecap: round; opacity: .45; }
details { margin: 14px 0 0; } summary { cursor: pointer; font-weight: 600; } summary::marker { color: var(--faint); }
.environment { columns: 2 400px; column-gap: 32px; font-size: 13.5px; margin: 0; } .environment div { break-inside: avoid; display: grid; grid-template-columns: minmax(110px, 52%) 1fr; gap: 10px; padding: 4px 0; border-bottom: 1px solid var(--line); } .environment dt { color: var(--muted); overflow-wrap: anywhere; } .environment dd { margin: 0; overflow-wrap: anywhere; }
nav.cases { display: flex; flex-wrap: wrap; gap: 6px 8px; margin: 22px 0 0; } nav.cases a { text-decoration: none; border: 1px solid var(--line); border-radius: 99px; padding: 2px 12px 3px; font-size: 13px; } nav.cases a:hover { background: var(--soft); }
footer { margin-top: 64px; padding-top: 20px; padding-bottom: 48px; color: var(--muted); font-size: 13px; border-top: 1px solid var(--line); }
@media (max-width: 560px) {
  main, header.top, footer { padding-left: 16px; padding-right: 16px; } header.top { padding-top: 24px; } .hero { gap: 16px; } .verdict-mark { min-width: 0; width: 100%; padding: 14px; grid-auto-flow: column; justify-content: center; gap: 14px; } .verdict-mark .symbol { font-size: 34px; } .verdict-mark .words { margin: 0; }
  section { margin-top: 40px; } figure.card, figure.plot { padding: 12px 10px 8px; border-radius: 10px; } figcaption span { display: none; } .tiles { grid-template-columns: 1fr 1fr; } .tile { padding: 12px 14px; } .tile .value { font-size: 20px; } dl.meta { grid-template-columns: 1fr; gap: 0; } dl.meta dd { margin-bottom: 6px; }
}
@media print {
  :root { --ground: #fff; --card: #fff; } body { font-size: 11pt; } figure.is-live > .static { display: block; } .live, button.toggle, nav.cases { display: none !important; } figure, tr, .tiles { break-inside: avoid; } section.case { break-before: page; } .scroll { overflow: visible; }
}
`;
