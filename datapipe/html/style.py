"""The look of the report: one style sheet for screens light and dark, small and wide, and for paper."""

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b2430;--dim:#66717f;--line:#dfe3e9;
--grid:#eceff3;
--accent:#2f6fde;--accent-ink:#fff;--soft:#e8effc;--before:#8a94a3;--warn:#b45f06;--warn-soft:#fdf3e4;
--small:#e2933a;--medium:#2f6fde;--large:#1f8f6b;--error:#c0392b}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2029;--ink:#e4e9f0;--dim:#93a0b0;
--line:#2c3541;
--grid:#242c37;--accent:#6ea2ff;--accent-ink:#0d1420;--soft:#1d2a40;--before:#8d99aa;--warn:#f0b35e;
--warn-soft:#2b2417;--small:#e5a353;--medium:#6ea2ff;--large:#4fc39b;--error:#ff8678}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",
sans-serif}
main,header>div{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding:30px 0 20px;border-bottom:1px solid var(--line);background:var(--card)}
h1{font-size:26px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:19px;margin:44px 0 4px}
h3{font-size:15px;margin:0 0 8px;overflow-wrap:anywhere}
p{margin:4px 0 12px}
.dim,i{color:var(--dim);font-style:normal}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:12px;font-size:14px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
code{font:13px ui-monospace,"DejaVu Sans Mono",monospace;background:var(--soft);border-radius:4px;
padding:1px 5px;
overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(132px,1fr));gap:12px;margin:22px 0 0}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:12px 14px}.tile b{display:block;font-size:23px;line-height:1.2;
font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--dim);font-size:13px;line-height:1.3;margin-top:3px}
.card{padding:16px 18px;margin:12px 0;min-width:0}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:0 14px}
.pair>div{min-width:0}.pair .card{margin:0 0 14px}.card+.pair{margin-top:14px}
ul.remarks{list-style:none;margin:18px 0 0;padding:0;display:grid;gap:6px}
ul.remarks li{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--before);
border-radius:8px;
padding:8px 14px}
ul.remarks li.warns{border-left-color:var(--warn);background:var(--warn-soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{font-weight:600;color:var(--dim);font-size:12.5px;vertical-align:bottom}
th,td{padding:5px 10px 5px 0;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th:first-child,td:first-child,td.wide,th.wide{text-align:left}
td:first-child{max-width:240px;overflow:hidden;text-overflow:ellipsis}
td.wide{width:30%;min-width:110px}
tr:last-child td{border-bottom:0}
td.warn{color:var(--warn);font-weight:600}
.hbar{display:flex;height:13px;border-radius:3px;overflow:hidden;background:var(--grid);min-width:100px;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.hbar s{display:block;height:100%}
.hbar .kept{background:var(--accent)}
.hbar .ign{background:repeating-linear-gradient(135deg,var(--before) 0 3px,transparent 3px 6px)}
.small{background:var(--small)}.stack .hbar .small{color:#1d1204}.medium{background:var(--medium)}.large{
background:var(--large)}
.stack{display:grid;grid-template-columns:110px 1fr;gap:8px 14px;align-items:center;margin:6px 0 12px}
.stack .hbar{height:30px;border-radius:5px}
.stack .hbar s{color:var(--accent-ink);font-weight:600;font-size:13px;line-height:30px;text-align:center;
text-decoration:none;
overflow:hidden;white-space:nowrap}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--dim)}
.key em{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
.key em.line{height:0;border-top:2px solid var(--before);border-radius:0;vertical-align:4px;width:16px}
.key em.b{background:var(--accent)}.key em.i{background:repeating-linear-gradient(135deg,
var(--before) 0 3px,transparent 3px 6px)}
svg.plot{display:block;width:100%;height:auto;margin:0 auto}
svg text{font-family:inherit}
.plot .bar,.plot .heat,.plot .disc{fill:var(--accent)}
.plot .bar{stroke:none}.plot .disc{fill-opacity:.55;stroke:var(--accent)}
.plot .range{fill:var(--accent);fill-opacity:.4}.plot .dot{fill:var(--ink)}.plot .self{fill:var(--grid)}
.plot .frame{fill:none;stroke:var(--line)}
.plot .step{fill:none;stroke:var(--before);stroke-width:1.8}
.plot .grid{stroke:var(--grid);fill:none}.plot .axis{stroke:var(--dim)}
.plot .guide{stroke:var(--dim);stroke-dasharray:3 3;fill:none;stroke-width:.8}
.plot .tick,.plot .note{font-size:11px;fill:var(--dim)}.plot .name{font-size:12px;fill:var(--dim)}
.plot .label{font-size:12px;fill:var(--ink)}.plot .over{font-size:11px;fill:var(--accent-ink)}
.figures{display:flex;flex-wrap:wrap;gap:14px;align-items:flex-start}
figure{margin:0;max-width:100%;display:table}
figcaption{display:table-caption;caption-side:bottom;font-size:12.5px;line-height:1.35;padding-top:4px;
overflow-wrap:anywhere}
svg.picture{display:block;height:240px;max-width:100%;border-radius:6px}
.picture .box{fill:none;stroke:hsl(var(--h) 95% 58%);stroke-width:1.6}
.picture .meant{stroke-width:3}
.picture .other{stroke:#fff;stroke-opacity:.6;stroke-width:1;mix-blend-mode:difference}
.picture .ignored{stroke-dasharray:4 3}
.picture .region{fill:url(#hatch);stroke:#fff;stroke-width:.8;stroke-dasharray:2 2}
.picture .region.meant{stroke:#ff5a4f;stroke-width:2.4;stroke-dasharray:none}
.picture .tag{font-size:11.5px;font-weight:600;fill:hsl(var(--h) 95% 72%);stroke:#000;stroke-width:3px;
paint-order:stroke}
.group{border-top:1px solid var(--grid);padding-top:14px;margin-top:16px}
.group:first-child{border:0;padding:0;margin:0}
.badge{font-size:12px;border-radius:999px;padding:1px 9px;margin-left:6px;background:var(--soft);
color:var(--dim);
font-weight:500}
.badge.error{color:var(--error)}.badge.warning{color:var(--warn)}
ul.lines{margin:6px 0 10px;padding-left:18px;font-size:13px;color:var(--dim);overflow-wrap:anywhere}
details>summary{cursor:pointer;color:var(--accent);margin:8px 0}
footer{margin:50px 0 40px;color:var(--dim);font-size:13px;overflow-wrap:anywhere}
@media print{:root{--bg:#fff}body{font-size:11px}.card,.tile,figure,ul.remarks li{break-inside:avoid}h2{
break-after:avoid}
nav{display:none}main,header>div{max-width:none;padding:0}}
"""

HATCH = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="7" height="7" fill="#000" fill-opacity=".25"/>'
    '<rect width="2" height="7" fill="#fff" fill-opacity=".8"/></pattern></defs></svg>'
)
"""The pattern of left-out places, once for all pictures."""
