# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the page looks: its colours, its type, its marks. Nothing is loaded from anywhere."""

from __future__ import annotations

LIGHT = {
    "ground": "#f6f6f3",
    "card": "#ffffff",
    "sunk": "#f4f5f2",
    "ink": "#1c2126",
    "quiet": "#59616a",
    "line": "#e2e4df",
    "track": "#dfe2dc",
    "good": "#17753a",
    "good-soft": "#e8f4eb",
    "bad": "#b8252c",
    "bad-soft": "#fceceb",
    "warn": "#865600",
    "warn-soft": "#fdf2da",
    "note": "#20609f",
    "note-soft": "#eaf2fa",
    "bar-good": "#3f9a5f",
    "bar-warn": "#d29922",
    "bar-bad": "#d0454b",
}
DARK = {
    "ground": "#121518",
    "card": "#1b1f23",
    "sunk": "#22272c",
    "ink": "#e7eaed",
    "quiet": "#a3abb4",
    "line": "#2f353b",
    "track": "#373e45",
    "good": "#62cc83",
    "good-soft": "#17291d",
    "bad": "#ff8a83",
    "bad-soft": "#351c1d",
    "warn": "#e8b84c",
    "warn-soft": "#302812",
    "note": "#86bdf5",
    "note-soft": "#182838",
    "bar-good": "#4fb271",
    "bar-warn": "#d29922",
    "bar-bad": "#f0625b",
}
READ_ON = (
    *(("ink", ground) for ground in ("ground", "card", "sunk", "good-soft", "bad-soft", "warn-soft", "note-soft")),
    *(("quiet", ground) for ground in ("ground", "card", "sunk", "good-soft", "bad-soft", "warn-soft", "note-soft")),
    *((tone, ground) for tone in ("good", "bad", "warn", "note") for ground in ("card", "sunk", f"{tone}-soft")),
)
"""Which colour of letters stands on which ground: each pair is readable (WCAG 2.2, contrast of at least 4.5)."""

BODY = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
overflow-wrap:anywhere}
main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
main{padding-top:40px}
h1{font-size:30px;line-height:1.2;font-weight:650;letter-spacing:-.015em;margin:0}
h2{font-size:19px;line-height:1.3;font-weight:650;letter-spacing:-.005em;margin:48px 0 14px}
h3{font-size:15px;line-height:1.45;font-weight:600;margin:0}
p{margin:0}
a{color:inherit;text-decoration:underline;text-decoration-color:var(--line);text-underline-offset:3px}
a:hover{text-decoration-color:currentColor}
:focus-visible{outline:2px solid var(--note);outline-offset:2px;border-radius:4px}
code{font:13px/1.5 ui-monospace,"SFMono-Regular",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
.quiet{color:var(--quiet)}
.small{font-size:13px;line-height:1.5}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px}
.hide{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
svg.m{width:1.1em;height:1.1em;flex:none;vertical-align:-.18em}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}.note{color:var(--note)}
.verdict{display:flex;gap:20px;align-items:flex-start;padding:28px 28px 26px;border-radius:14px 14px 0 0}
.verdict svg.m{width:44px;height:44px}
.verdict p{margin-top:6px;color:var(--quiet)}
.v-ok{background:var(--good-soft)}.v-failed{background:var(--bad-soft)}.v-attention,.v-unproven{background:var(--warn-soft)}
.facts{display:grid;grid-template-columns:repeat(4,1fr);margin:0;border-top:1px solid var(--line)}
.facts div{padding:16px 28px 18px;border-left:1px solid var(--line);min-width:0}
.facts div:first-child{border-left:0}
.facts dt{color:var(--quiet);font-size:13px}
.facts dd{margin:2px 0 0;font-weight:600}
.facts dd span{display:block;font-weight:400;font-size:13px;color:var(--quiet)}
.say{position:relative;overflow:hidden;padding:16px 22px 18px;margin-top:10px}
.say::before{content:"";position:absolute;left:0;top:0;bottom:0;width:4px;background:var(--note)}
.say.error::before{background:var(--bar-bad)}.say.warning::before{background:var(--bar-warn)}
.say h3{display:flex;gap:9px;align-items:baseline}
.say h3 svg.m{transform:translateY(.12em)}
.say .in{margin:4px 0 0 26px}
.say .in>*+*{margin-top:6px}
.say dl{display:grid;grid-template-columns:92px 1fr;gap:4px 12px;margin:8px 0 0}
.say dt{color:var(--quiet)}
.say dd{margin:0;min-width:0}
.say dd p+p{margin-top:2px}
.do{font-weight:500}
.id{font-weight:400;color:var(--quiet);font-size:13px}
details>summary{cursor:pointer;color:var(--quiet);font-size:13px;list-style:none;
display:inline-flex;gap:6px;align-items:center;padding:2px 0}
details>summary::-webkit-details-marker{display:none}
details>summary::before{content:"";flex:none;width:6px;height:6px;border:solid currentColor;border-width:0 1.5px 1.5px 0;
transform:rotate(-45deg);transition:transform .15s}
details[open]>summary::before{transform:rotate(45deg)}
details>summary:hover{color:var(--ink)}
details.fold{margin-top:10px}
details.fold>summary{font-size:15px;padding:6px 0}
ul.plain{list-style:none;margin:6px 0 0;padding:0}
table{border-collapse:collapse;width:100%;font-size:15px}
th{text-align:left;font-weight:500;color:var(--quiet);font-size:13px}
th,td{padding:12px 14px;vertical-align:top}
th:first-child,td:first-child{padding-left:24px}th:last-child,td:last-child{padding-right:24px}
.sites{table-layout:fixed}
.sites col.s{width:34.5%}.sites col.l{width:18.5%}
.sites>thead th{padding-top:14px;padding-bottom:10px;border-bottom:1px solid var(--line)}
.sites>tbody+tbody{border-top:1px solid var(--line)}
.sites>tbody>tr>td,.sites>tbody>tr>th{padding-top:18px;padding-bottom:0}
.sites>thead th:nth-child(n+3),.sites>tbody>tr>td:nth-child(n+3){padding-left:8px;padding-right:6px}
.sites>tbody>tr.more>td{padding-top:0;padding-bottom:12px;padding-left:54px}
.site{display:flex;gap:12px;font-size:15px;color:var(--ink);font-weight:400}
.site svg.m{width:18px;height:18px;margin-top:3px}
.site b{font-weight:600;font-size:16px}
.site .quiet{display:block;font-size:13px;line-height:1.5}
.life{max-width:260px}
.bar{position:relative;height:8px;border-radius:4px;background:var(--track);margin:7px 0 6px}
.bar i{position:absolute;left:0;top:0;bottom:0;border-radius:4px;background:var(--bar-good)}
.bar.late i{background:var(--bar-warn)}.bar.critical i,.bar.over i,.bar.future i{background:var(--bar-bad)}
.bar u{position:absolute;top:-3px;bottom:-3px;width:2px;margin-left:-1px;background:var(--ink);opacity:.55;border-radius:1px}
.mark{display:flex;gap:7px;align-items:flex-start;line-height:1.35;padding-top:2px;overflow-wrap:normal}
.inner{background:var(--sunk);border-radius:10px;margin:8px 0 6px;padding:4px 0 8px}
.inner table{font-size:13px;line-height:1.5;table-layout:fixed}
.inner th,.inner td{padding:7px 12px;border-top:1px solid var(--line)}
.inner thead th{border-top:0}
.inner th:first-child,.inner td:first-child{padding-left:18px}
.inner tbody th{color:var(--ink)}
.inner col.c{width:120px}
.inner td.no{background:var(--bad-soft);color:var(--bad)}
.seen{display:flex;gap:7px}
.seen svg.m{margin-top:3px}
.seen+.seen{margin-top:3px}
.inner>dl{display:grid;grid-template-columns:108px 1fr;gap:3px 12px;margin:4px 18px 4px;font-size:13px;line-height:1.5;
border-top:1px solid var(--line);padding-top:10px}
.inner>dl dt,.facts2 dt{color:var(--quiet)}
.inner>dl dd,.facts2 dd{margin:0;min-width:0}
.facts2{display:grid;grid-template-columns:130px 1fr;gap:7px 14px;margin:0;padding:20px 24px}
.host{margin-top:14px}
.host+.host{margin-top:18px}
.host h3{padding:18px 24px 8px}
.host h3 .quiet{font-weight:400}
.host tbody code{color:var(--ink)}
.host table th,.host table td{padding-top:8px;padding-bottom:8px;border-top:1px solid var(--line)}
.unseen{padding:8px 24px 14px}
.host details{padding:10px 24px 14px;border-top:1px solid var(--line)}
.host details table{margin:8px -24px 0;width:calc(100% + 48px)}
.ports col:nth-child(1){width:16%}.ports col:nth-child(2){width:27%}.ports col:nth-child(3){width:31%}
.ports{table-layout:fixed}
footer{padding-top:32px;padding-bottom:56px;color:var(--quiet);font-size:13px}
footer p+p{margin-top:3px}
.none{padding:20px 24px;color:var(--quiet)}
@media (max-width:920px){
main,footer{padding-left:14px;padding-right:14px}
main{padding-top:14px}
h1{font-size:23px}
h2{margin-top:36px}
.verdict{padding:20px 18px;gap:14px}.verdict svg.m{width:32px;height:32px}
.facts{grid-template-columns:1fr 1fr}
.facts div{padding:12px 18px 14px}
.facts div:nth-child(odd){border-left:0}
.facts div:nth-child(n+3){border-top:1px solid var(--line)}
.say{padding:14px 16px 16px}.say .in{margin-left:0}
.say dl,.facts2,.inner>dl{grid-template-columns:1fr;gap:0}
.say dd,.facts2 dd,.inner>dl dd{margin-bottom:7px}
.facts2,.none{padding:16px 18px}
table,thead,tbody,tr,th,td{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
colgroup{display:none}
.sites>tbody{padding:16px 0 12px}
.sites>tbody>tr>th,.sites>tbody>tr>td,.sites>tbody>tr.more>td{padding:0 18px}
.sites>tbody>tr>td,.sites>tbody>tr>td:nth-child(n+3){padding-left:48px;padding-right:18px}
.sites>tbody>tr>td{margin-top:8px}
.sites>tbody>tr.more>td{padding:0 18px;margin-top:8px}
.sites .more summary{margin-left:30px}
.life{max-width:none}
td.by{display:flex;gap:10px}
td.by::before{content:attr(data-label);color:var(--quiet);flex:0 0 104px}
.inner th,.inner td{padding:3px 14px;border-top:0}
.inner th:first-child,.inner td:first-child{padding-left:14px}
.inner tbody tr{border-top:1px solid var(--line);padding:7px 0}
.inner tbody tr:first-child{border-top:0}
.inner td{display:flex;gap:8px}.inner td.na{display:none}
.inner td::before{content:attr(data-label);color:var(--quiet);flex:0 0 92px}
.inner>dl{margin:4px 14px}
.host h3{padding:16px 18px 8px}
.host table tr{border-top:1px solid var(--line);padding:10px 18px}
.host table th,.host table td{padding:0;border:0}
.host details{padding:10px 18px 12px}.host details table{margin:8px -18px 0;width:calc(100% + 36px)}
}
@media print{body{background:none}.card{break-inside:avoid}}
"""


def tokens(colours: dict[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


CSS = f""":root{{color-scheme:light dark;{tokens(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{tokens(DARK)}}}}}
{BODY.strip()}"""

OUTLINE = 'stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"'
STROKE = 'fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"'
SHAPES = {
    "ok": f'<circle cx="12" cy="12" r="10" fill="currentColor" opacity=".16"/><path d="M7.5 12.5l3 3 6-6.5" {STROKE}/>',
    "failed": f'<rect x="2" y="2" width="20" height="20" rx="4" fill="currentColor" opacity=".16"/><path d="M8 8l8 8M16 8l-8 8" {STROKE}/>',
    "unproven": '<circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3.2 3.2"/>',
    "warning": f'<path d="M12 3L22 20.5H2z" fill="currentColor" fill-opacity=".16" {OUTLINE}/><path d="M12 9.5v5M12 17.4v.1" {STROKE}/>',
    "note": f'<circle cx="12" cy="12" r="10" fill="currentColor" opacity=".16"/><path d="M12 11v6M12 7.2v.1" {STROKE}/>',
}
"""Each mark has a shape of its own, so that nobody has to tell colours apart."""

SYMBOLS = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true">'
    + "".join(f'<symbol id="{name}" viewBox="0 0 24 24">{shape}</symbol>' for name, shape in SHAPES.items())
    + "</svg>"
)

TONE = {"ok": "good", "failed": "bad", "error": "bad", "warning": "warn", "attention": "warn", "unproven": "quiet", "note": "note"}
SHAPE = {"error": "failed", "attention": "warning"}


def mark(state: str, words: str = "") -> str:
    """A mark with its words for who cannot see it; '' where they stand beside it."""
    told = f'<span class="hide">{words}</span>' if words else ""
    return f'<svg class="m {TONE[state]}" aria-hidden="true"><use href="#{SHAPE.get(state, state)}"/></svg>{told}'
