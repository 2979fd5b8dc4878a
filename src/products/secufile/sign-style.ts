/** Style of the pages for signers. Contrasts are 4.5:1 or more in both schemes (WCAG 2.2, 1.4.3). */
export const SIGN_STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fbfaf7; --card: #ffffff; --line: #d8d4c8; --edge: #767d88; --quiet: #5c6470; --act: #1d4f8c; --on-act: #ffffff; --warn: #8c2f1d; --warn-paper: #fdf1ee; --good: #1f6b3b; --good-paper: #eff8f2 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e0; --paper: #15181d; --card: #1b1f26; --line: #363b44; --edge: #838b97; --quiet: #a2a9b4; --act: #9cc3f5; --on-act: #10202f; --warn: #f5b3a4; --warn-paper: #33201c; --good: #9fdcb5; --good-paper: #17281e } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif; -webkit-text-size-adjust: 100% }
.skip { position: absolute; left: -999rem }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .25rem .75rem }
nav { max-width: 42rem; margin: 0 auto; padding: 1rem 1.25rem 0; text-align: right }
nav a { display: inline-block; padding: .375rem .25rem; margin-left: .75rem }
nav a[aria-current] { color: var(--ink); text-decoration: none; font-weight: 600 }
main { max-width: 42rem; margin: 0 auto; padding: 1rem 1.25rem 4rem }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 1rem }
h2 { font-size: 1.1875rem; margin: 2.25rem 0 .5rem }
h1, h2, p, li, dd, blockquote { overflow-wrap: anywhere }
a { color: var(--act) }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .5rem 1.5rem; border-block: 1px solid var(--line); padding: 1rem 0; margin: 1.5rem 0 }
dt { color: var(--quiet); max-width: 13rem }
dd { margin: 0; min-width: 0 }
code { font-size: .875rem; overflow-wrap: anywhere }
ul { padding-left: 1.25rem }
li { margin-bottom: .25rem }
li span { color: var(--quiet) }
blockquote { margin: 0; border-left: 3px solid var(--line); padding-left: 1rem; white-space: pre-line }
form { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1.25rem; margin: 1rem 0 }
label { display: block; font-weight: 600; margin: 1rem 0 .25rem }
form > label:first-child, form > p:first-child { margin-top: 0 }
form > p:has(+ button) { margin-bottom: 0 }
.tick { display: flex; gap: .75rem; align-items: flex-start; font-weight: 400 }
.tick input { flex: none; width: 1.5rem; height: 1.5rem; margin: .125rem 0 0 }
input[type="text"], input[type="email"], textarea { width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--edge); border-radius: .375rem; padding: .625rem .75rem }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1.25rem; margin-top: 1rem; border: 1px solid var(--act); border-radius: .375rem; background: var(--act); color: var(--on-act); cursor: pointer }
button.quiet { background: transparent; color: var(--act) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
summary { cursor: pointer; padding: .5rem 0; font-weight: 600; font-size: 1.1875rem }
.note, .warn, .good { border-left: 3px solid var(--line); padding: .75rem 1rem; margin: 1rem 0 }
.note { color: var(--quiet) }
.warn { border-color: var(--warn); background: var(--warn-paper); color: var(--warn) }
.good { border-color: var(--good); background: var(--good-paper); color: var(--good) }
@media (max-width: 32rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .75rem } dt { max-width: none } button { width: 100% } }
`;
