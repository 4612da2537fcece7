"""How the report looks: calm, readable at night and on paper; the article on the right where there is room."""

REPORT_STYLE = """
.skip{position:absolute;left:-99rem;background:var(--card);padding:.5rem 1rem;z-index:2}.skip:focus{left:1rem;top:1rem}
.hero{background:var(--card);border-bottom:1px solid var(--line);border-top:6px solid var(--soft);padding:1.6rem 0 1.4rem}
.hero.bad{border-top-color:var(--bad)}.hero.warn{border-top-color:var(--warn)}.hero.good{border-top-color:var(--good)}
.hero.info{border-top-color:var(--info)}
.kicker{margin:0 0 .5rem;color:var(--soft);font-size:.82rem;font-weight:600;letter-spacing:.04em}
.hero h1{display:flex;gap:.7rem;align-items:flex-start;color:var(--ink);margin-bottom:.5rem}
.hero .mark{flex:none;display:inline-grid;place-items:center;width:1.35em;height:1.35em;border-radius:50%;font-size:.9em;
font-weight:700}
.bad>.wrap .mark{background:var(--bad-fill);color:var(--bad)}.warn>.wrap .mark{background:var(--warn-fill);color:var(--warn)}
.good>.wrap .mark{background:var(--good-fill);color:var(--good)}.info>.wrap .mark{background:var(--info-fill);color:var(--info)}
.lede{font-size:1.12rem;max-width:60rem;margin:.4rem 0 1rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),auto));gap:.5rem 2rem;justify-content:start;
margin:0 0 .3rem}
.facts dt,.rows dt{color:var(--soft);font-size:.82rem}.facts dd{margin:0;font-weight:600}
.next{margin:1rem 0 1.1rem;max-width:64rem}.next p{margin:0 0 .2rem}.next pre{margin:0}
.columns{display:grid;gap:1.25rem 2rem;grid-template-columns:minmax(0,1fr);align-items:start}
@media(min-width:1080px){.columns{grid-template-columns:minmax(0,1fr) minmax(24rem,33rem)}}
main section,aside{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1.15rem 1.3rem;
margin:1.25rem 0 0}
main section>:last-child,aside>:last-child{margin-bottom:0}
aside h2{font-size:1.2rem}aside h3{margin-top:1.4rem}aside h4{margin-top:1.1rem}
aside ol,aside ul{padding-left:1.4rem}aside li{margin:.45rem 0}
aside blockquote{margin:.8rem 0;padding:.1rem 0 .1rem 1rem;border-left:4px solid var(--line)}
aside .done::marker{color:var(--good);font-weight:700}
.done>strong:last-of-type,.done>p:last-child>strong:first-child{color:var(--good)}
details{border-top:1px solid var(--line);margin-top:1.2rem;padding-top:.8rem}summary{cursor:pointer;font-weight:600}
.badges{margin:0 0 .5rem;display:flex;flex-wrap:wrap;gap:.4rem}
.badge{display:inline-block;border-radius:99px;padding:.08rem .65rem;font-size:.82rem;font-weight:600;white-space:nowrap}
.badge.bad{background:var(--bad-fill);color:var(--bad)}.badge.warn{background:var(--warn-fill);color:var(--warn)}
.badge.good{background:var(--good-fill);color:var(--good)}.badge.info{background:var(--info-fill);color:var(--info)}
.badge.plain{background:var(--fill);color:var(--ink)}
.finding{border-left:4px solid var(--line);padding:.1rem 0 .1rem 1.1rem;margin:1.1rem 0 0}
.finding.bad{border-color:var(--bad)}.finding.warn{border-color:var(--warn)}.finding.info{border-color:var(--info)}
.finding:first-of-type{margin-top:0}
.small{font-size:.88rem;margin:.3rem 0}
th[scope=row]{font-weight:600}.evidence th[scope=row]{width:9em}.volumes th[scope=row]{width:4.5em}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.changes{table-layout:fixed;margin-bottom:1.2rem}.changes caption{text-align:left;padding:.2rem 0;font-size:.9rem}
.changes th:first-child{width:38%}.kind{font-weight:400;font-size:.82rem}.sign{display:inline-block;width:1.2em;font-weight:700}
.changes td code{background:none;padding:0}
del{text-decoration:none;background:var(--bad-fill);color:var(--bad);border-radius:4px;padding:.1em .3em;
-webkit-box-decoration-break:clone;box-decoration-break:clone}
ins{text-decoration:none;background:var(--good-fill);color:var(--good);border-radius:4px;padding:.1em .3em;
-webkit-box-decoration-break:clone;box-decoration-break:clone}
.told{border-radius:8px;padding:.6rem .8rem;margin:0 0 .9rem;background:var(--fill)}
.rows>div{display:flex;gap:.8rem;margin:.15rem 0}.rows dt{flex:0 0 6.5em;font-size:.9rem}.rows dd{margin:0}.rows{margin:.8rem 0}
figure{margin:.4rem 0 1rem}.shot{max-width:56rem}figcaption{color:var(--soft);font-size:.9rem}figcaption p{margin:.4rem 0 0}
figcaption ol{margin:.3rem 0;padding-left:1.5rem}
.frame{position:relative;border:1px solid var(--line);border-radius:8px;overflow:hidden;background:#000}
.frame img{display:block;width:100%;height:auto}.boxes{position:absolute;inset:0;width:100%;height:100%}
.boxes rect{vector-effect:non-scaling-stroke;fill:none}.boxes .under{stroke:#000;stroke-width:5}.boxes .box{stroke:#ffd60a;
stroke-width:2.5}
.boxes .label{fill:#ffd60a;stroke:none}.boxes text{fill:#1a1a1a;
font-family:system-ui,"Liberation Sans","DejaVu Sans",sans-serif;font-weight:700}
.layout svg{display:block}.disk .part{fill:var(--fill);stroke:var(--card);stroke-width:4}
.disk .system{fill:var(--warn-fill)}.disk .windows{fill:var(--info-fill)}.disk .gap{fill:none;stroke:none}
.disk text{fill:var(--ink);font:600 14px system-ui,"Liberation Sans","DejaVu Sans",sans-serif}
.disk .size{font-weight:400;font-size:13px;fill:var(--soft)}.disk .role{font-size:13px}
.ways{table-layout:fixed}.ways pre{margin:.3rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
.ways th:first-child{width:9em}.volumes td:nth-child(4){white-space:nowrap}
footer{color:var(--soft);font-size:.85rem;padding:1.2rem 0 2rem}footer p{margin:.2rem 0}
@media(max-width:640px){.boxes .under{stroke-width:2.5}.boxes .box{stroke-width:1.25}.wrap{padding:0 .8rem}
main section,aside{padding:1rem .9rem}.facts{gap:.5rem 1.2rem}
.evidence thead,.volumes thead,.ways thead{display:none}
.evidence tr,.volumes tr,.ways tr{display:block;padding:.4rem 0;border-bottom:1px solid var(--line)}
.evidence th,.evidence td,.volumes th,.volumes td,.ways th,.ways td{display:block;border:0;padding:.05rem 0;
width:auto!important}
.evidence tr:last-child,.volumes tr:last-child,.ways tr:last-child{border-bottom:0}.rows>div{display:block}
.volumes th[scope=row]::before{content:"volume "}}
@media print{.hero,main section,aside{border-color:#bbb;break-inside:auto}.columns{display:block}
.finding,figure,table,pre{break-inside:avoid}
.skip{display:none}details::details-content{content-visibility:visible;display:block}}
""".lstrip()
