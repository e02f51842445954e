"""How the page looks, on a light and a dark screen and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --quiet: #5d6a7a; --rule: #dfe4ea;
  --shade: #8a97a61f; --p50: #2f7fd1; --p90: #8a63d2; --p99: #d9480f;
  --good: #2b8a5e; --bad: #d6336c; --limited: #e8a200; --missed: #868e96;
  --generator: #98a2ae; --network: #4c9be8; --gateway: #8a63d2; --queue: #f08c00;
  --compute: #2b9a66;
  --alarm: #fff0f0; --alarm-rule: #e03131; --alarm-ink: #8f1d1d;
  --heed: #fff8e6; --heed-rule: #e8a200;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --ink: #e4e9f0; --quiet: #95a2b3; --rule: #303945;
    --shade: #a9b8ca1c; --p50: #5aa7f2; --p90: #b197fc; --p99: #ff8a5c;
    --good: #40b583; --bad: #f0649a; --limited: #f5b932; --missed: #7d8894;
    --generator: #7d8894; --network: #5aa7f2; --gateway: #a98bf0; --queue: #f59f2a;
    --compute: #40b583;
    --alarm: #33191c; --alarm-rule: #f06060; --alarm-ink: #ffc9c9;
    --heed: #2d2614; --heed-rule: #c99a1e;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0 0 12px; } .quiet { color: var(--quiet); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 20px 22px; margin-top: 20px; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.banner { border-left: 5px solid var(--heed-rule); background: var(--heed); }
.banner.alarm { border-left-color: var(--alarm-rule); background: var(--alarm);
  color: var(--alarm-ink); }
.banner ul, .notes ul { margin: 6px 0 0; padding-left: 20px; }
.tiles { display: flex; flex-wrap: wrap; gap: 14px; margin-top: 20px; }
.tile { flex: 1 1 160px; background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; padding: 14px 18px; }
.tile b { display: block; font-size: 25px; line-height: 1.25; font-weight: 650;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile b.words { font-size: 16px; } .tile span { color: var(--quiet); font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 8px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 6px 8px; border-bottom: 1px solid var(--rule); text-align: right;
  white-space: nowrap; }
th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child, td.words, th.words { text-align: left; }
td.long { white-space: normal; text-align: left; min-width: 260px; }
tr:last-child td { border-bottom: 0; }
tr.invalid td { color: var(--quiet); text-decoration: line-through; }
tr.invalid td.plain { text-decoration: none; }
.badge { display: inline-block; border-radius: 20px; padding: 0 9px; font-size: 12.5px;
  font-weight: 600; border: 1.5px solid var(--kind); color: var(--ink); --kind: var(--quiet); }
.badge.compute { --kind: var(--compute); } .badge.queue { --kind: var(--queue); }
.badge.gateway { --kind: var(--gateway); } .badge.limiter { --kind: var(--limited); }
.badge.network { --kind: var(--network); }
.badge.generator, .badge.unknown, .badge.errors, .badge.invalid { --kind: var(--bad); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 8px 0 0;
  font-size: 13.5px; }
.facts dt { color: var(--quiet); } .facts dd { margin: 0; overflow-wrap: anywhere; }
text { fill: var(--quiet); font-size: 12.5px; font-family: inherit; }
text.label { fill: var(--ink); } text.small { font-size: 11px; }
text.inside { fill: #0d1117; font-weight: 600; }
text.start { text-anchor: start; } text.middle { text-anchor: middle; }
text.end { text-anchor: end; }
line.grid { stroke: var(--rule); } line.axis { stroke: var(--quiet); }
line.mark { stroke: var(--quiet); stroke-dasharray: 2 3; opacity: .6; }
.shade { fill: var(--shade); }
.stroke { fill: none; stroke: var(--kind); stroke-width: 2; stroke-linejoin: round; }
.dot { fill: var(--kind); stroke: var(--card); stroke-width: 1.5; }
.dot.hollow { fill: var(--card); stroke: var(--kind); stroke-width: 2; }
.fill { fill: var(--kind); } .area { fill: var(--kind); opacity: .45; }
.p50 { --kind: var(--p50); } .p90 { --kind: var(--p90); } .p99 { --kind: var(--p99); }
.good { --kind: var(--good); } .bad { --kind: var(--bad); }
.limited { --kind: var(--limited); } .missed { --kind: var(--missed); }
.part-generator { --kind: var(--generator); } .part-network { --kind: var(--network); }
.part-gateway { --kind: var(--gateway); } .part-queue { --kind: var(--queue); }
.part-compute { --kind: var(--compute); }
@media print { body { background: none; } section, .tile { break-inside: avoid; } }
"""
