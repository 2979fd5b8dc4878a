/** The style of the reference page. System fonts, no images; light or dark as the reader's system is. */
export const referenceStyle = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f6f7f9; --sunken: #f1f3f6; --line: #e1e5ea; --text: #1b2430; --soft: #566273;
  --accent: #1f5fbf; --good: #17683a; --bad: #a3271f; --warn: #85530a;
  --get: #17683a; --post: #1f5fbf; --put: #85530a; --patch: #6a3fa0; --delete: #a3271f;
  --key: #1f5fbf; --string: #17683a; --number: #85530a; --word: #6a3fa0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --raised: #1a2028; --sunken: #0d1116; --line: #2b343f; --text: #e4e9ef; --soft: #9aa7b6;
    --accent: #7fb0ff; --good: #6fd39a; --bad: #ff8f85; --warn: #e7b562;
    --get: #6fd39a; --post: #7fb0ff; --put: #e7b562; --patch: #c6a3f2; --delete: #ff8f85;
    --key: #8fbaff; --string: #86d8a8; --number: #e7b562; --word: #c6a3f2;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4.25rem; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.86em; }
:not(pre) > code { overflow-wrap: anywhere; }
p code, dd code { background: var(--sunken); border-radius: 4px; padding: 0.1em 0.35em; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 0.2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; z-index: 3; background: var(--ground); padding: 0.5rem 1rem; }
.top {
  position: sticky; top: 0; z-index: 2; display: flex; align-items: baseline; gap: 0.75rem;
  padding: 0.8rem 1.5rem; background: var(--ground); border-bottom: 1px solid var(--line);
}
.top p { margin: 0; }
.product { font-weight: 650; letter-spacing: -0.01em; }
.language { margin-left: auto; }
.version { color: var(--soft); font-size: 0.85rem; }
main { padding: 0 1.5rem 6rem; min-width: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li ul { margin: 0.15rem 0 1rem; }
nav a { display: flex; gap: 0.6rem; align-items: baseline; padding: 0.22rem 0; color: var(--soft); text-decoration: none; font-size: 0.9rem; line-height: 1.4; }
nav a:hover { color: var(--text); }
nav .group { color: var(--text); font-weight: 620; }
nav .verb { width: 3.2rem; flex: none; font-size: 0.66rem; padding: 0; border: 0; background: none; text-align: left; }
.column { display: none; }
.fold { border-bottom: 1px solid var(--line); padding: 0 1.5rem; }
.fold summary { padding: 0.8rem 0; font-weight: 600; }
section { padding-top: 2.5rem; }
h1 { font-size: clamp(1.9rem, 5vw, 2.6rem); line-height: 1.15; letter-spacing: -0.025em; margin: 0 0 1rem; }
h2 { font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.018em; margin: 0 0 0.5rem; }
h3 { font-size: 1.2rem; line-height: 1.3; letter-spacing: -0.01em; margin: 0; }
h4 { font-size: 0.95rem; margin: 1.75rem 0 0.5rem; }
h5 { font-size: 0.82rem; font-weight: 600; color: var(--soft); margin: 1rem 0 0.25rem; }
section > p, .words > p { max-width: 44rem; }
section > h3 { margin-top: 2rem; margin-bottom: 0.75rem; }
article { border-top: 1px solid var(--line); padding: 2rem 0 1rem; margin-top: 2rem; }
.anchor { color: inherit; text-decoration: none; }
.anchor:hover { text-decoration: underline; }
.line { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; margin: 0.6rem 0; }
.path { font-size: 0.95rem; background: none; padding: 0; }
.aliases { color: var(--soft); font-size: 0.88rem; margin: 0.25rem 0; }
.verb {
  font: 700 0.72rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: 0.03em;
  padding: 0.12rem 0.5rem; border: 1px solid currentColor; border-radius: 5px;
}
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); }
.patch { color: var(--patch); } .delete { color: var(--delete); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.5rem 1.5rem; margin: 1.5rem 0 0; max-width: 60rem; }
.facts dt { color: var(--soft); grid-column: 1; } .facts dd { margin: 0; min-width: 0; grid-column: 2; }
.fields { width: 100%; border-collapse: collapse; }
.fields tr { border-top: 1px solid var(--line); }
.fields th, .fields td { text-align: left; vertical-align: top; padding: 0.6rem 0; font-weight: 400; }
.fields th { width: 38%; padding-right: 1.25rem; }
.fields .name { display: block; font-weight: 620; }
.parent { color: var(--soft); font-weight: 400; }
.required, .optional { font-size: 0.75rem; } .required { color: var(--bad); } .optional { color: var(--soft); font-weight: 400; }
.fields p { margin: 0.2rem 0 0; font-size: 0.92rem; }
.type { font-size: 0.88rem; }
.limit { font-size: 0.8rem; color: var(--soft); overflow-wrap: anywhere; }
.limit::before { content: "\\00b7"; margin: 0 0.4rem; }
.values { display: block; font-size: 0.92rem; color: var(--soft); }
.values code { background: var(--sunken); border-radius: 4px; padding: 0.1em 0.35em; }
.media { color: var(--soft); font-size: 0.9rem; margin: 0.25rem 0 0.5rem; }
summary { cursor: pointer; }
.samples details { border: 1px solid var(--line); border-radius: 8px; margin: 0 0 0.75rem; overflow: hidden; background: var(--raised); }
.samples summary { padding: 0.5rem 0.9rem; font-size: 0.85rem; font-weight: 600; }
pre { margin: 0; padding: 0.9rem; overflow-x: auto; background: var(--sunken); line-height: 1.55; tab-size: 4; }
.samples pre { border-top: 1px solid var(--line); max-height: 26rem; overflow: auto; }
.key { color: var(--key); } .string { color: var(--string); } .number { color: var(--number); } .word { color: var(--word); }
.answer { border-top: 1px solid var(--line); padding: 0.55rem 0; margin: 0; }
.answer[open] summary { margin-bottom: 0.5rem; }
.answer a { margin-right: 0.5rem; text-decoration: none; } .answer a:hover { text-decoration: underline; }
.status { font-weight: 680; font-variant-numeric: tabular-nums; margin-right: 0.5rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.problem { border-top: 1px solid var(--line); padding: 0.55rem 0; }
.problem summary code { font-weight: 620; margin-right: 0.5rem; }
.problem pre { margin-top: 0.5rem; border-radius: 8px; }
.problem:target, article:target h3 { background: color-mix(in srgb, var(--accent) 12%, transparent); }
@media (max-width: 40rem) {
  main, .top, .fold { padding-left: 1rem; padding-right: 1rem; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 0.75rem; }
  .fields, .fields tbody, .fields tr, .fields th, .fields td { display: block; width: auto; }
  .fields th { padding: 0.6rem 0 0; } .fields td { padding: 0.1rem 0 0.6rem; }
  .fields .name { display: inline; margin-right: 0.6rem; }
}
@media (min-width: 62rem) {
  body { display: grid; grid-template-columns: 17.5rem minmax(0, 1fr); }
  .top { grid-column: 1 / -1; }
  .fold { display: none; }
  .column {
    display: block; position: sticky; top: 3.3rem; align-self: start; height: calc(100vh - 3.3rem); overflow-y: auto;
    padding: 2rem 1.5rem; border-right: 1px solid var(--line);
  }
  main { padding: 0 3rem 8rem; max-width: 90rem; }
}
@media (min-width: 80rem) {
  .both { display: grid; grid-template-columns: minmax(0, 11fr) minmax(0, 9fr); gap: 3rem; align-items: start; }
  .samples { position: sticky; top: 4.5rem; margin-top: 1rem; }
}
@media print { .column, .fold, .skip { display: none; } body { display: block; } pre { white-space: pre-wrap; } }
`;
