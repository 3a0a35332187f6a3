"""How the page looks; light or dark as the reader's system has it."""

STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#202124;--faint:#5f6368;--edge:#dadce0;--raised:#f6f7f8;--warn:#fff4e0;
--link:#0b57a4}
@media(prefers-color-scheme:dark){:root{--ground:#17181a;--ink:#e8eaed;--faint:#a3a8ae;--edge:#3a3d42;--raised:#202225;
--warn:#3a2e14;--link:#8ab4f8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1240px;padding:24px 20px 60px;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:26px;margin:0 0 4px}h2{font-size:20px;margin:40px 0 10px;border-bottom:1px solid var(--edge);padding-bottom:4px}
h3{font-size:16px;margin:24px 0 8px}p{max-width:80ch;margin:6px 0}a{color:var(--link)}
nav a{margin-right:14px;white-space:nowrap}
.note,small{color:var(--faint)}small{font-size:12px}
code,pre{font:13px/1.45 ui-monospace,Menlo,Consolas,monospace}
pre{overflow-x:auto;background:var(--raised);padding:10px;border-radius:4px;max-height:420px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:3px 12px 3px 0;font-weight:400}
thead th{font-weight:600;border-bottom:1px solid var(--edge);vertical-align:bottom}
.numbers tbody tr:hover{background:var(--raised)}
.numbers .number,.fields .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;padding-left:14px}
.numbers thead .number{white-space:normal;overflow-wrap:anywhere;max-width:24ch}
.numbers tbody th{white-space:nowrap;position:sticky;left:0;background:var(--ground)}
.numbers small{font-size:12px}.numbers .lone{color:var(--faint);font-style:italic}
.stacked td small,.stacked thead small{display:block}.stacked .number{padding-left:8px}.numbers th[title]{cursor:help}
dt{font-weight:600}dd{margin:0 0 6px 18px;max-width:100ch}
.way{color:var(--faint);white-space:nowrap}
.beside{padding-left:18px;color:var(--faint)}.part{font-weight:600;padding-top:12px}
.fields th{color:var(--faint);padding-right:18px;white-space:nowrap}.fields td{overflow-wrap:anywhere}
.warnings{background:var(--warn);border-radius:4px;padding:8px 12px 8px 30px;max-width:90ch}
details{margin:8px 0}summary{cursor:pointer;font-weight:600}
.plots{display:flex;flex-wrap:wrap;gap:16px}.plots svg{max-width:100%;height:auto}
.strip{border-collapse:separate;border-spacing:3px;table-layout:fixed;width:100%}
.strip th{font-size:12px;color:var(--faint);padding:0 8px 0 0;overflow-wrap:anywhere}.strip .source{width:90px}
.strip td{padding:0}.strip img{display:block;width:100%;height:auto}
@media print{details>*{display:block}nav{display:none}}
"""
