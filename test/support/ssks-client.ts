import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expected, type Answer } from "./secufile-client.ts";

/** What speaks the published contract of SSKS for one application: as its server, or as its pages. */
export type SsksClient = {
  readonly origin: string;
  readonly appId: string;
  readonly apiKey: string;
  /** As the application's server. A header that is null is left out. */
  back(path: string, body: unknown, headers?: Readonly<Record<string, string | null>>): Promise<Answer>;
  /** As a page, with a session where one is given; without `body` there is none at all. */
  front(path: string, session: string | null, body?: unknown): Promise<Answer>;
};

export function ssksClientOf(origin: string, appId: string, apiKey: string): SsksClient {
  return {
    origin,
    appId,
    apiKey,
    back: (path, body, headers = {}) =>
      post(origin + path, { "x-seald-appid": appId, "x-seald-apikey": apiKey, ...headers }, JSON.stringify(body)),
    front: (path, session, body) =>
      post(
        origin + path,
        {
          "x-seald-appid": appId,
          "x-seald-version": "sdk-js/node/0.25.0",
          ...(session === null ? {} : { "x-seald-session": session }),
        },
        body === undefined ? "" : JSON.stringify(body),
      ),
  };
}

async function post(url: string, headers: Readonly<Record<string, string | null>>, body: string): Promise<Answer> {
  const answer = await fetch(url, {
    method: "POST",
    headers: Object.entries({ "content-type": "application/json", ...headers }).flatMap(([name, value]) =>
      value === null ? [] : [[name, value] as [string, string]],
    ),
    body,
    redirect: "manual",
  });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const isJson = answer.headers.get("content-type")?.includes("json") === true && bytes.length > 0;
  return {
    status: answer.status,
    headers: answer.headers,
    body: isJson ? JSON.parse(bytes.toString()) : null,
    bytes,
  };
}

/** As a page that stands at another address of this machine, such as 127.0.0.2. */
export async function frontFrom(
  localAddress: string,
  { origin, appId }: Pick<SsksClient, "origin" | "appId">,
  call: { readonly path: string; readonly session?: string; readonly body?: unknown },
): Promise<Answer> {
  const { path, session, body } = call;
  const headers = {
    "content-type": "application/json",
    "x-seald-appid": appId,
    ...(session === undefined ? {} : { "x-seald-session": session }),
  };
  const sent = request(origin + path, { method: "POST", localAddress, agent: false, headers });
  sent.end(body === undefined ? "" : JSON.stringify(body));
  const [answer] = await once(sent, "response");
  const bytes = await buffer(answer);
  return {
    status: answer.statusCode,
    headers: new Headers(answer.headers),
    body: bytes.length === 0 ? null : JSON.parse(bytes.toString()),
    bytes,
  };
}

/** What the first start wrote for clients of SSKS. */
export async function demoSsks(server: {
  readonly origin: string;
  readonly dataDirectory: string;
}): Promise<SsksClient & { readonly token: string }> {
  const text = await readFile(join(server.dataDirectory, "demo.env"), "utf8");
  const value = (name: string): string => new RegExp(`^export ${name}=(.*)$`, "m").exec(text)?.[1] ?? "";
  const client = ssksClientOf(server.origin, value("SEALD_APP_ID"), value("SEALD_API_KEY"));
  return { ...client, token: value("SSKS_TOKEN") };
}

let made = 0;

/** A user with a mail address of its own. */
export function newUser(): { user_id: string; auth_factor: { type: "EM"; value: string } } {
  made += 1;
  const name = `user-${process.pid}-${made}`;
  return { user_id: name, auth_factor: { type: "EM", value: `${name}@example.org` } };
}

/** Asserts the status and gives the very text of the body, as clients compare it. */
export function said(answer: Answer, status: number): string {
  expected(answer, status);
  return answer.bytes.toString("utf8");
}

/** Asserts that the input was refused, and gives the names of the fields that are said to be wrong. */
export function wrongFields(answer: Answer): readonly string[] {
  const body: Readonly<Record<string, unknown>> = expected(answer, 400);
  return Object.keys(body).filter((name) => Array.isArray(body[name]));
}
