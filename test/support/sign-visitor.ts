export type Shown = { readonly status: number; readonly text: string; readonly headers: Headers };

/** Somebody with a link and a browser without JavaScript. */
export type Visitor = {
  look(path: string, headers?: Readonly<Record<string, string>>): Promise<Shown>;
  /** Sends a form as a browser does under `no-referrer`. */
  send(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Shown>;
};

export function visitorOf(origin: string): Visitor {
  const shown = async (answer: Response): Promise<Shown> => ({
    status: answer.status,
    text: await answer.text(),
    headers: answer.headers,
  });
  return {
    look: async (path, headers = {}) => shown(await fetch(`${origin}${path}`, { headers, redirect: "manual" })),
    send: async (path, fields, headers = {}) =>
      shown(
        await fetch(`${origin}${path}`, {
          method: "POST",
          body: new URLSearchParams(fields),
          headers: { origin: "null", "sec-fetch-site": "same-origin", "user-agent": "TestBrowser/1", ...headers },
          redirect: "manual",
        }),
      ),
  };
}
