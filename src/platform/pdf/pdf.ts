import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type PDFDocument from "pdfkit";

/** A document of headed sections of labelled values, with one file attached. */
export type PdfContent = {
  readonly title: string;
  readonly subtitle: string;
  readonly lang: string;
  /** Stands in the file as the moment of its making: the same content gives the same bytes. */
  readonly madeAt: Date;
  readonly footer: string;
  readonly sections: readonly {
    readonly title: string;
    readonly fields: readonly { readonly label: string; readonly value: string; readonly isCode?: boolean }[];
    readonly text?: readonly string[];
  }[];
  readonly attachment: {
    readonly name: string;
    readonly type: string;
    readonly description: string;
    readonly bytes: Buffer;
  };
};

const MARGIN = 56;
const LABEL_WIDTH = 150;
const GAP = 12;
const INK = "#1c2430";
const QUIET = "#5c6470";
const LINE = "#d8d4c8";
/** A longer value would only fill pages; what is attached holds all of it. */
const MAX_VALUE_CHARACTERS = 2_000;
const FONTS = { text: "DejaVuSans.ttf", bold: "DejaVuSans-Bold.ttf", code: "DejaVuSansMono.ttf" } as const;

type Doc = InstanceType<typeof PDFDocument>;

/** Draws the content: A4, fonts embedded, tagged with title and language. */
export async function renderPdf(content: PdfContent): Promise<Buffer> {
  const fonts = await loadFonts();
  // Loaded here, because few servers make a certificate soon after their start.
  const { default: Document } = await import("pdfkit");
  const doc = new Document({
    size: "A4",
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: MARGIN + GAP },
    lang: content.lang,
    displayTitle: true,
    pdfVersion: "1.7",
    bufferPages: true,
    info: {
      Title: `${content.title} – ${content.subtitle}`,
      Author: "Tabellion",
      Producer: "Tabellion",
      Creator: "Tabellion",
      CreationDate: content.madeAt,
      ModDate: content.madeAt,
    },
  });
  const parts: Buffer[] = [];
  doc.on("data", (part: Buffer) => parts.push(part));
  const ended = new Promise<void>((resolve, reject) => {
    doc.on("end", resolve);
    doc.on("error", reject);
  });
  for (const [name, bytes] of Object.entries(fonts)) doc.registerFont(name, bytes);
  attach(doc, content);
  drawHead(doc, content);
  for (const section of content.sections) drawSection(doc, section);
  drawFooters(doc, content.footer);
  doc.end();
  await ended;
  return Buffer.concat(parts);
}

async function loadFonts(): Promise<Record<keyof typeof FONTS, Buffer>> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("dejavu-fonts-ttf/package.json")), "ttf");
  const [text, bold, code] = await Promise.all(Object.values(FONTS).map((name) => readFile(join(folder, name))));
  if (text === undefined || bold === undefined || code === undefined) throw new Error("a font is missing");
  return { text, bold, code };
}

function attach(doc: Doc, { attachment, madeAt }: PdfContent): void {
  const { name, type, description, bytes } = attachment;
  doc.file(bytes, { name, type, description, creationDate: madeAt, modifiedDate: madeAt });
}

function drawHead(doc: Doc, { title, subtitle }: PdfContent): void {
  doc.font("bold").fontSize(20).fillColor(INK).text(printable(title));
  doc.moveDown(0.3).font("text").fontSize(11).fillColor(QUIET).text(printable(subtitle));
}

function drawSection(doc: Doc, section: PdfContent["sections"][number]): void {
  keepTogether(doc, 90);
  doc.moveDown(1.2);
  rule(doc);
  doc.moveDown(0.6).font("bold").fontSize(12).fillColor(INK).text(printable(section.title), MARGIN);
  doc.moveDown(0.4);
  for (const field of section.fields) drawField(doc, field);
  for (const paragraph of section.text ?? []) {
    doc.font("text").fontSize(9).fillColor(INK).text(printable(paragraph), MARGIN, undefined, { lineGap: 2 });
    doc.moveDown(0.5);
  }
}

function drawField(doc: Doc, field: PdfContent["sections"][number]["fields"][number]): void {
  const left = MARGIN + LABEL_WIDTH + GAP;
  const width = doc.page.width - MARGIN - left;
  const value = printable(field.value);
  const label = printable(field.label);
  const face = field.isCode === true ? (["code", 8] as const) : (["text", 9] as const);
  doc.font("text").fontSize(9);
  const labelHeight = doc.heightOfString(label, { width: LABEL_WIDTH });
  doc.font(face[0]).fontSize(face[1]);
  const valueHeight = doc.heightOfString(value, { width, lineGap: 2 });
  keepTogether(doc, Math.min(Math.max(labelHeight, valueHeight), 300));
  const top = doc.y;
  doc.font("text").fontSize(9).fillColor(QUIET).text(label, MARGIN, top, { width: LABEL_WIDTH });
  const page = doc.bufferedPageRange().count;
  doc.font(face[0]).fontSize(face[1]).fillColor(INK).text(value, left, top, { width, lineGap: 2 });
  const isSamePage = doc.bufferedPageRange().count === page;
  doc.x = MARGIN;
  doc.y = (isSamePage ? Math.max(doc.y, top + labelHeight) : doc.y) + 4;
}

function rule(doc: Doc): void {
  doc
    .moveTo(MARGIN, doc.y)
    .lineTo(doc.page.width - MARGIN, doc.y)
    .lineWidth(0.5)
    .strokeColor(LINE)
    .stroke();
}

function keepTogether(doc: Doc, height: number): void {
  if (doc.y + height > doc.page.height - doc.page.margins.bottom) doc.addPage();
}

function drawFooters(doc: Doc, footer: string): void {
  const { start, count } = doc.bufferedPageRange();
  for (let page = start; page < start + count; page++) {
    doc.switchToPage(page);
    // Below the margin, where text would begin a new page.
    doc.page.margins.bottom = 0;
    const top = doc.page.height - MARGIN;
    doc.font("text").fontSize(7).fillColor(QUIET);
    doc.text(`${printable(footer)} · ${page + 1}/${count}`, MARGIN, top, { lineBreak: false });
  }
}

/** Controls and marks that turn the direction of text are not drawn: what is read is what is there, in its order. */
function printable(text: string): string {
  const shown = text
    .toWellFormed()
    .replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, "");
  return shown.length <= MAX_VALUE_CHARACTERS ? shown : `${shown.slice(0, MAX_VALUE_CHARACTERS).toWellFormed()}…`;
}
