import { takesIdempotencyKey } from "./route.ts";
import type { Body, CodeSample, Parameter } from "./openapi-document.ts";
import type { PublishedRoute } from "./openapi-operation.ts";

export type SampledOperation = {
  readonly route: PublishedRoute;
  readonly parameters: readonly Parameter[];
  readonly requestBody: Body | null;
  readonly publicUrl: string;
  readonly credentials: readonly SampleCredential[];
};

/** A header that proves who calls: what stands before its value, and the environment variable that holds that. */
export type SampleCredential = { readonly header: string; readonly prefix: string; readonly variable: string };

/** The same request in three languages. The token comes from the environment, never from the text. */
export function codeSamples(operation: SampledOperation): CodeSample[] {
  const request = requestOf(operation);
  return [
    { lang: "Shell", label: "curl", source: curlSample(request) },
    { lang: "Python", label: "Python", source: pythonSample(request) },
    { lang: "Go", label: "Go", source: goSample(request) },
  ];
}

type SampleRequest = {
  readonly method: string;
  readonly url: string;
  readonly credentials: readonly SampleCredential[];
  readonly hasIdempotencyKey: boolean;
  /** JSON text, `file` for bytes of a file, or null. */
  readonly body: { readonly kind: "json"; readonly text: string } | { readonly kind: "file" } | null;
  readonly savesFile: boolean;
};

function requestOf({ route, parameters, requestBody, publicUrl, credentials }: SampledOperation): SampleRequest {
  const path = route.paths[0].replaceAll(/\{([^}]+)\}/g, (_all, name: string) => {
    return encodeURIComponent(textOf(parameters.find((one) => one.in === "path" && one.name === name)?.example));
  });
  const query = parameters
    .filter((one) => one.in === "query" && one.required)
    .map((one) => `${encodeURIComponent(one.name)}=${encodeURIComponent(textOf(one.example))}`);
  const json = requestBody?.content["application/json"];
  return {
    method: route.method,
    url: publicUrl + path + (query.length === 0 ? "" : `?${query.join("&")}`),
    credentials,
    hasIdempotencyKey: takesIdempotencyKey(route, route.scopes === null),
    body: json === undefined ? (requestBody === null ? null : { kind: "file" }) : jsonBody(json.example),
    savesFile: route.answer.kind === "raw" && !/^(?:text\/|application\/json)/.test(route.answer.contentType),
  };
}

function jsonBody(example: unknown): SampleRequest["body"] {
  return { kind: "json", text: JSON.stringify(example, null, 2) };
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "value";
}

/** Between single quotes a shell takes everything as it is but the single quote. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function curlSample(request: SampleRequest): string {
  const parts = [`curl --fail-with-body -X ${request.method} ${shellQuoted(request.url)}`];
  for (const { header, prefix, variable } of request.credentials) parts.push(`-H "${header}: ${prefix}$${variable}"`);
  if (request.hasIdempotencyKey) parts.push('-H "Idempotency-Key: $(uuidgen)"');
  if (request.body?.kind === "json") {
    parts.push("-H 'Content-Type: application/json'", `--data-raw ${shellQuoted(request.body.text)}`);
  }
  if (request.body?.kind === "file") {
    parts.push("-H 'Content-Type: application/octet-stream'", "--data-binary @document.pdf");
  }
  if (request.savesFile) parts.push("-o answer.bin");
  return parts.join(" \\\n  ");
}

function pythonSample(request: SampleRequest): string {
  const headers = [
    ...request.credentials.map(
      ({ header, prefix, variable }) => `    "${header}": f"${prefix}{os.environ['${variable}']}",`,
    ),
    ...(request.hasIdempotencyKey ? ['    "Idempotency-Key": str(uuid.uuid4()),'] : []),
    ...(request.body === null ? [] : [`    "Content-Type": "${contentTypeOf(request.body)}",`]),
  ];
  const imports = [
    ...(request.body?.kind === "json" || !request.savesFile ? ["json"] : []),
    ...(request.credentials.length > 0 ? ["os"] : []),
    ...(request.hasIdempotencyKey ? ["uuid"] : []),
    "urllib.request",
  ];
  return [
    ...imports.toSorted().map((name) => `import ${name}`),
    "",
    ...(request.body?.kind === "json" ? [`body = json.loads(r'''${pythonRaw(request.body.text)}''')`] : []),
    "request = urllib.request.Request(",
    `    ${JSON.stringify(request.url)},`,
    `    method="${request.method}",`,
    ...(request.body?.kind === "json" ? ["    data=json.dumps(body).encode(),"] : []),
    ...(request.body?.kind === "file" ? ['    data=open("document.pdf", "rb").read(),'] : []),
    ...(headers.length === 0 ? [] : ["    headers={", ...headers.map((line) => `    ${line}`), "    },"]),
    ")",
    "with urllib.request.urlopen(request, timeout=30) as answer:",
    request.savesFile
      ? '    open("answer.bin", "wb").write(answer.read())'
      : '    print(json.loads(answer.read() or b"null"))',
  ].join("\n");
}

/** A raw string cannot hold its own quotes; in JSON each may be written as an escape instead. */
function pythonRaw(json: string): string {
  return json.replaceAll("'", String.raw`\u0027`);
}

function contentTypeOf(body: { readonly kind: "json" | "file" }): string {
  return body.kind === "json" ? "application/json" : "application/octet-stream";
}

function goSample(request: SampleRequest): string {
  const reader = { json: "strings.NewReader(body)", file: "file", none: "nil" }[request.body?.kind ?? "none"];
  const lines = [
    ...(request.body?.kind === "json" ? [`body := \`${goRaw(request.body.text)}\``] : []),
    ...(request.body?.kind === "file"
      ? ['file, err := os.Open("document.pdf")', "if err != nil {", "\tlog.Fatal(err)", "}", "defer file.Close()"]
      : []),
    `request, err := http.NewRequest(${JSON.stringify(request.method)}, ${JSON.stringify(request.url)}, ${reader})`,
    "if err != nil {",
    "\tlog.Fatal(err)",
    "}",
    ...request.credentials.map(
      ({ header, prefix, variable }) =>
        `request.Header.Set("${header}", ${prefix === "" ? "" : `"${prefix}"+`}os.Getenv("${variable}"))`,
    ),
    ...(request.hasIdempotencyKey
      ? ['request.Header.Set("Idempotency-Key", "6f1c1c52-0f0e-4b7e-9f0a-2d6b7d9d5c11")']
      : []),
    ...(request.body === null ? [] : [`request.Header.Set("Content-Type", "${contentTypeOf(request.body)}")`]),
    "answer, err := http.DefaultClient.Do(request)",
    "if err != nil {",
    "\tlog.Fatal(err)",
    "}",
    "defer answer.Body.Close()",
    "content, err := io.ReadAll(answer.Body)",
    "if err != nil {",
    "\tlog.Fatal(err)",
    "}",
    "fmt.Println(answer.Status, len(content))",
  ];
  const usesOs = request.credentials.length > 0 || request.body?.kind === "file";
  const imports = [
    "fmt",
    "io",
    "log",
    "net/http",
    ...(usesOs ? ["os"] : []),
    ...(request.body?.kind === "json" ? ["strings"] : []),
  ];
  return [
    "package main",
    "",
    "import (",
    ...imports.map((name) => `\t"${name}"`),
    ")",
    "",
    "func main() {",
    // A raw string of several lines must not be indented, or it would be another string.
    ...lines.map((line) => `\t${line}`),
    "}",
  ].join("\n");
}

/** A Go raw string cannot hold a back quote; JSON may write it as an escape. */
function goRaw(json: string): string {
  return json.replaceAll("`", String.raw`\u0060`);
}
