"""The page's style sheet: one column, system type, colours that hold on light and dark."""

CSS = """
:root{color-scheme:light dark;--page:#fbfbfa;--card:#fff;--ink:#22262b;--soft:#5d656e;
--line:#e3e4e1;--link:#2a5d92;--plate:#fff}
@media(prefers-color-scheme:dark){:root{--page:#15181b;--card:#1c2024;--ink:#e4e6e8;
--soft:#a3abb3;--line:#30363b;--link:#8fbbe8;--plate:#1c2024}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1080px;margin:0 auto;padding:56px 24px 96px}
h1,h2,h3,h4{line-height:1.2;font-weight:600;margin:0;overflow-wrap:anywhere}
h1{font-size:40px;letter-spacing:-.02em;max-width:20em;text-wrap:balance}
h2{font-size:23px;letter-spacing:-.01em}
h3{font-size:16px}h4{font-size:15px}
p{margin:8px 0 16px;max-width:42em}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
a:focus-visible,summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}
small,.quiet,figcaption,.ids{color:var(--soft);font-size:13px;font-weight:400}
.eyebrow{color:var(--soft);font-size:13px;letter-spacing:.06em;text-transform:uppercase;
margin:0 0 12px}
.lead{font-size:18px;margin:18px 0 28px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));margin:0;
border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
.figures div{padding:14px 12px 12px 0}
dt{color:var(--soft);font-size:13px}dd{margin:2px 0 0;font-size:20px;font-weight:600;
font-variant-numeric:tabular-nums}
section{margin-top:64px}section>p{color:var(--soft)}
figure{margin:20px 0 0}figure img{display:block;width:100%;height:auto}
figcaption{margin-top:6px}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:0 24px}
.tree{display:block;width:100%;height:auto;font-size:10px;fill:var(--soft)}
.tree .name{font-size:14px;font-weight:600;fill:var(--ink)}
.tree .roomy{font-size:13px}
.tree .link{fill:none;stroke-opacity:.45}
.map{position:relative}.map svg{position:absolute;inset:0;width:100%;height:100%;font-size:10px}
.map circle{fill:#fff;stroke-width:1.8}.map a:hover circle{stroke-width:4}
.map text{paint-order:stroke;stroke:var(--page);stroke-width:3px;stroke-linejoin:round}
.map a text{fill:var(--ink)}.map .name{font-size:14px;font-weight:600;fill:var(--ink);
text-anchor:middle;pointer-events:none;stroke-width:4px}
.called{margin:2px 0 6px;font-size:14px;font-weight:600;overflow-wrap:anywhere}
.notes{padding-left:20px;max-width:46em}.notes li{margin:6px 0}
.tree a:hover text{fill:var(--ink);font-weight:600}
.groups{border-top:1px solid var(--line)}
.groups>details{border-bottom:1px solid var(--line)}
.groups>details>summary{display:grid;grid-template-columns:270px 1fr;gap:20px;align-items:center;
padding:12px 0;cursor:pointer;list-style:none}
.groups summary::-webkit-details-marker{display:none}
.words{display:block;padding-left:18px;position:relative}
.words small{display:block}
.words::before{content:"";position:absolute;left:2px;top:6px;border:5px solid transparent;
border-left:6px solid var(--soft)}
details[open]>summary .words::before{transform:rotate(90deg);left:0;top:8px}
.strip{display:flex;gap:2px;height:34px;border-radius:4px;overflow:hidden}
.strip a{min-width:2px;overflow:hidden;container-type:inline-size;display:block;color:var(--ink);
font-size:12px;line-height:34px;text-align:center;white-space:nowrap;text-overflow:ellipsis;
padding:0 3px;font-variant-numeric:tabular-nums}.strip b{font-weight:500}
.strip a:hover{outline:2px solid var(--ink);outline-offset:-2px;text-decoration:none}
@container(max-width:76px){.strip small{display:none}}
@container(max-width:15px){.strip b{display:none}}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));gap:14px;
padding:6px 0 26px}
article{background:var(--card);border:1px solid var(--line);border-top:3px solid var(--hue);
border-radius:6px;padding:12px 14px 12px;min-width:0;display:flex;flex-direction:column;
scroll-margin-top:16px}
article:target{outline:2px solid var(--hue)}
article header{display:flex;justify-content:space-between;align-items:baseline;gap:8px}
.gauges{display:grid;grid-template-columns:1fr 1fr;gap:14px;margin:8px 0 12px;font-size:13px;
color:var(--soft)}
.gauge b{color:var(--ink);font-weight:600}
.bar{display:block;height:3px;border-radius:2px;background:var(--line);margin-top:4px}
.bar i{display:block;height:3px;border-radius:2px;background:var(--hue)}
.gallery{display:grid;grid-template-columns:repeat(6,1fr);gap:4px}
.gallery img{border-radius:3px;display:block;width:100%;aspect-ratio:1;object-fit:cover;
background:var(--line)}
.quotes{list-style:none;margin:0;padding:0;font-size:14px;line-height:1.4}
.quotes li{padding:3px 0;overflow-wrap:anywhere}
td .gallery{width:300px}td .quotes li{padding:0 0 3px}
td .fingerprint{width:300px}
.fingerprint{display:block;width:100%;image-rendering:pixelated;border-radius:3px}
.ids{margin:4px 0 0;overflow-wrap:anywhere}
.doubt{font-size:13px;color:var(--soft);margin:10px 0 6px;padding-top:8px;
border-top:1px solid var(--line)}
article>:last-child{margin-top:auto}
article>.doubt,.border{padding-top:10px}.border .doubt{margin-top:0}
.border .quotes{color:var(--soft)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;min-width:50%}
th{color:var(--soft);font-weight:500;text-align:left;font-size:13px}
th,td{padding:6px 20px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
td{overflow-wrap:break-word;max-width:42em}td:first-child{white-space:nowrap}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.range{display:block;position:relative;width:200px;height:18px;border-left:1px solid var(--line)}
.range i,.range b{position:absolute;display:block;background:#4e79a7}
.range i{height:4px;top:7px;border-radius:2px;opacity:.45}
.range b{width:8px;height:8px;top:5px;margin-left:-4px;border-radius:50%}
.plain{margin-top:16px}.plain>summary{cursor:pointer;color:var(--link);padding:4px 0}
pre{overflow:auto;max-height:320px;font-size:12px;padding:12px;border:1px solid var(--line);
border-radius:6px}
footer{margin-top:72px;color:var(--soft);font-size:13px}
@media(max-width:640px){main{padding:32px 16px 64px}h1{font-size:29px}.lead{font-size:16px}
.groups>details>summary{grid-template-columns:1fr;gap:8px}
section{margin-top:48px}
.wide{overflow-x:auto}.wide>img,.wide>svg,.wide>.map{width:860px;max-width:none}
.stacked thead{display:none}
.stacked tr{display:block;padding:8px 0;border-bottom:1px solid var(--line)}
.stacked td,.stacked td:first-child{display:block;border:0;padding:2px 0;text-align:left;
white-space:normal}
td .gallery,td .fingerprint{width:100%}
.figures{grid-template-columns:1fr 1fr}.range{width:90px}}
@media print{body{font-size:12px}main{max-width:none;padding:0}
details::details-content{content-visibility:visible;height:auto;opacity:1}
.plain{display:none}.groups>details{break-inside:auto}.groups summary{break-after:avoid}
article,tr,figure{break-inside:avoid}section{margin-top:28px}h2,section>p{break-after:avoid}
.cards{grid-template-columns:1fr 1fr 1fr;gap:8px}.wide,.scroll{overflow:visible}}
"""
