/** How the relay is reached. `none`: no TLS at all, which the operator said in the URL by `?tls=off`. */
export type Relay = {
  readonly host: string;
  readonly port: number;
  readonly tls: "at-once" | "starttls" | "none";
  readonly login: { readonly user: string; readonly password: string } | null;
};

/** Reads what the setting's pattern has let through. */
export function parseRelay(text: string): Relay {
  const url = new URL(text);
  const isTlsAtOnce = url.protocol === "smtps:";
  const tls = isTlsAtOnce ? "at-once" : url.searchParams.get("tls") === "off" ? "none" : "starttls";
  return {
    host: url.hostname,
    port: url.port === "" ? (isTlsAtOnce ? 465 : 587) : Number(url.port),
    tls,
    login:
      url.username === ""
        ? null
        : { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) },
  };
}
