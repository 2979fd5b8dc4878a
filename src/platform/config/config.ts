import {
  ConfigError,
  flag,
  integer,
  networks,
  oneOf,
  optionalOrigin,
  optionalPath,
  optionalText,
  path,
  readSetting,
  pattern,
  type Setting,
} from "./settings.ts";

const databaseUrl = {
  allowed:
    "a URL such as postgres://role:password@host:5432/database or, over a socket, " +
    "postgres://role:password@localhost/database?host=/folder",
  // With a role and a host: the role is read from the URL, and a URL without a host is none.
  pattern: /^postgres(?:ql)?:\/\/[^\s/@]+@[^\s/@]\S*$/,
};
const rootKeyForm = {
  allowed: "one or two entries <generation>:<base64 of 32 bytes> separated by commas, the newest last",
  pattern: /^\d{1,6}:[A-Za-z0-9+/]{43}=(?:,\d{1,6}:[A-Za-z0-9+/]{43}=)?$/,
};

const smtpUrlForm = {
  allowed:
    "smtp://user:password@host:587 or smtps://user:password@host:465, or smtp://host:25?tls=off without login for a " +
    "relay listed in TABELLION_OUTBOUND_ALLOW",
  pattern:
    /^(?:smtps?:\/\/(?:[^\s:@/]+:[^\s@/]+@)?[^\s:@/?]+(?::\d{1,5})?\/?|smtp:\/\/[^\s:@/?]+(?::\d{1,5})?\/?\?tls=off)$/,
};
const domainForm = { allowed: "a domain name", pattern: /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/ };

/** Every setting, in the order in which `tabellion config` prints them. */
export const settings = {
  port: integer("TABELLION_PORT", "TCP port of the API.", { min: 0, max: 65_535, byDefault: 8080 }),
  host: pattern("TABELLION_HOST", "Address to listen on; set 0.0.0.0 or :: to serve other machines.", {
    allowed: "an IP address or localhost",
    pattern: /^(?:localhost|[0-9a-fA-F.:]+)$/,
    byDefault: "127.0.0.1",
  }),
  dataDirectory: path("TABELLION_DATA", "Folder for keys, blobs and the embedded database.", "./data"),
  role: oneOf(
    "TABELLION_ROLE",
    "What this process does: answer requests (api), background work (worker), or both (all).",
    ["all", "api", "worker"],
    "all",
  ),
  isDemoWanted: flag("TABELLION_DEMO", "Whether the first start creates a demo organisation and data/demo.env.", true),
  publicUrl: optionalOrigin(
    "TABELLION_PUBLIC_URL",
    "Origin under which clients reach this server; links are made with it.",
  ),
  tlsCertificatePath: optionalPath(
    "TABELLION_TLS_CERT",
    "PEM file with the certificate chain; needs TABELLION_TLS_KEY.",
  ),
  tlsKeyPath: optionalPath("TABELLION_TLS_KEY", "PEM file with the private key of TABELLION_TLS_CERT."),
  trustedProxies: networks(
    "TABELLION_TRUSTED_PROXIES",
    "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; nobody else is.",
  ),
  outboundAllow: networks(
    "TABELLION_OUTBOUND_ALLOW",
    "Private networks that the server may call (webhooks, downloads), by plain http too.",
  ),
  smtpUrl: optionalText(
    "TABELLION_SMTP_URL",
    "Relay for mails; without it they are written as files to outbox/ in the data folder. smtp:// insists on STARTTLS; " +
      "a relay in a private network must be listed in TABELLION_OUTBOUND_ALLOW.",
    smtpUrlForm,
    { isSecret: true },
  ),
  outboxDays: integer("TABELLION_OUTBOX_DAYS", "How long files stay in outbox/; what expires goes once it has.", {
    min: 1,
    max: 3_650,
    byDefault: 7,
  }),
  mailFrom: pattern("TABELLION_MAIL_FROM", "Sender of all mails.", {
    allowed: "an address, or a name and an address: Tabellion <post@example.org>",
    // No quotes, commas or line ends: the name stands in a header.
    pattern: /^(?:[^<>"',;:@\\\p{Cc}]{1,100} <[^\s<>]{3,254}>|[^\s<>]{3,254})$/u,
    byDefault: "Tabellion <tabellion@localhost.invalid>",
  }),
  dkimDomain: optionalText("TABELLION_DKIM_DOMAIN", "Domain that signs mails by DKIM.", domainForm),
  dkimSelector: optionalText("TABELLION_DKIM_SELECTOR", "Selector of the DKIM key in the DNS.", domainForm),
  dkimKeyPath: optionalPath("TABELLION_DKIM_KEY", "PEM file with the private key of DKIM."),
  smsUrl: optionalText(
    "TABELLION_SMS_URL",
    "HTTP gateway for text messages; without it they are written as files to outbox/ in the data folder.",
    { allowed: "a URL such as https://sms.example.org/send", pattern: /^https?:\/\/[^\s@]+$/ },
  ),
  smsToken: optionalText(
    "TABELLION_SMS_TOKEN",
    "Bearer token for TABELLION_SMS_URL.",
    { allowed: "printable characters without spaces", pattern: /^[\x21-\x7e]{1,2000}$/ },
    { isSecret: true },
  ),
  smsFrom: optionalText("TABELLION_SMS_FROM", "Sender that the SMS gateway is asked to show.", {
    allowed: "a number in international form, or 1 to 11 letters and digits",
    pattern: /^(?:\+[1-9]\d{6,14}|[A-Za-z0-9 ]{1,11})$/,
  }),
  databaseUrl: optionalText(
    "DATABASE_URL",
    "The operator's PostgreSQL (15 to 18), role of the application; without it an embedded one is started.",
    databaseUrl,
    { isSecret: true },
  ),
  databaseOwnerUrl: optionalText(
    "DATABASE_OWNER_URL",
    "The same database by the role that owns the tables; used for migrations and backups.",
    databaseUrl,
    { isSecret: true },
  ),
  postgresDirectory: optionalPath(
    "TABELLION_PG_DIR",
    "Folder of the embedded PostgreSQL; needed only where the default is not reachable for its account.",
  ),
  rootKey: optionalText(
    "TABELLION_ROOT_KEY",
    "The root key, instead of the file root.key in the data folder.",
    rootKeyForm,
    { isSecret: true },
  ),
  logLevel: oneOf(
    "TABELLION_LOG_LEVEL",
    "How much is logged.",
    ["info", "trace", "debug", "warn", "error", "fatal", "silent"],
    "info",
  ),
  metricsToken: optionalText(
    "TABELLION_METRICS_TOKEN",
    "Bearer token that may read /metrics from elsewhere; without it only loopback may.",
    { allowed: "16 to 200 printable characters without spaces", pattern: /^[\x21-\x7e]{16,200}$/ },
    { isSecret: true },
  ),
  databaseConnections: integer("TABELLION_DB_CONNECTIONS", "Database connections of one process, at most.", {
    min: 4,
    max: 500,
    byDefault: 20,
  }),
  maxDocumentBytes: integer("TABELLION_MAX_DOCUMENT_BYTES", "Largest ciphertext of one document.", {
    min: 1,
    max: 5_000_000_000_000,
    byDefault: 5_000_000_000,
  }),
  requestsPerSecond: integer("TABELLION_REQUESTS_PER_SECOND", "Requests a second that one token may make.", {
    min: 1,
    max: 1_000_000,
    byDefault: 200,
  }),
  drainSeconds: integer("TABELLION_DRAIN_SECONDS", "How long a stop waits for requests under way.", {
    min: 0,
    max: 3600,
    byDefault: 20,
  }),
  areResponsesChecked: flag(
    "TABELLION_CHECK_RESPONSES",
    "Test switch: an answer that its published schema does not allow becomes a 500.",
    false,
  ),
  commitFaultPercent: integer(
    "TABELLION_TEST_COMMIT_FAULTS",
    "Test switch: percentage of commits answered with 40001.",
    {
      min: 0,
      max: 90,
      byDefault: 0,
    },
  ),
  clockOffsetMs: integer(
    "TABELLION_TEST_CLOCK_OFFSET_MS",
    "Test switch: the clock runs this much beside the system clock.",
    {
      min: -31_536_000_000,
      max: 31_536_000_000,
      byDefault: 0,
    },
  ),
} as const;

type Values = { readonly [K in keyof typeof settings]: (typeof settings)[K] extends Setting<infer T> ? T : never };

/** All settings of a process, read once, checked and frozen. */
export type Config = Values;

/** Reads every setting from `environment`. Throws `ConfigError` at the first value that is not allowed. */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const values: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(settings)) values[name] = readSetting<unknown>(row, environment);
  // The loop above fills exactly the keys of `settings`, each by its own parser.
  const config = Object.freeze(values) as Config;
  checkTogether(config);
  return config;
}

/** Variables that begin with TABELLION_ and that nobody knows: a misspelt name must not pass in silence. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly string[] {
  const known = new Set<string>(Object.values(settings).map((row) => row.variable));
  // Read by the command line, which shares the prefix and often the shell.
  known.add("TABELLION_URL").add("TABELLION_OPERATOR_TOKEN").add("TABELLION_BACKUP_PASSPHRASE");
  return Object.keys(environment).filter((name) => name.startsWith("TABELLION_") && !known.has(name));
}

/** The passphrase of backups, or null. No setting of the server: its process is not to hold it. */
export function readBackupPassphrase(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  const passphrase = environment["TABELLION_BACKUP_PASSPHRASE"];
  return passphrase === undefined || passphrase === "" ? null : passphrase;
}

function checkTogether(config: Config): void {
  if ((config.databaseUrl === null) !== (config.databaseOwnerUrl === null)) {
    const missing = config.databaseUrl === null ? settings.databaseUrl : settings.databaseOwnerUrl;
    throw new ConfigError(missing.variable, "nothing", "DATABASE_URL and DATABASE_OWNER_URL together, or neither");
  }
  if (config.databaseUrl !== null && config.databaseUrl === config.databaseOwnerUrl) {
    throw new ConfigError("DATABASE_OWNER_URL", "the value of DATABASE_URL", "a role other than that of DATABASE_URL");
  }
  if ((config.tlsCertificatePath === null) !== (config.tlsKeyPath === null)) {
    const missing = config.tlsCertificatePath === null ? settings.tlsCertificatePath : settings.tlsKeyPath;
    throw new ConfigError(missing.variable, "nothing", "TABELLION_TLS_CERT and TABELLION_TLS_KEY together, or neither");
  }
  checkNotifications(config);
  if (config.role !== "all" && config.databaseUrl === null) {
    throw new ConfigError(
      "TABELLION_ROLE",
      config.role,
      "all, unless DATABASE_URL names a database that processes share",
    );
  }
}

function checkNotifications(config: Config): void {
  if (config.smtpUrl !== null && config.mailFrom === settings.mailFrom.byDefault) {
    throw new ConfigError("TABELLION_MAIL_FROM", "nothing", "an address of yours, when TABELLION_SMTP_URL is set");
  }
  const dkim = [config.dkimDomain, config.dkimSelector, config.dkimKeyPath];
  if (dkim.includes(null) && dkim.some((part) => part !== null)) {
    const allowed = "TABELLION_DKIM_DOMAIN, TABELLION_DKIM_SELECTOR and TABELLION_DKIM_KEY together, or none of them";
    throw new ConfigError("TABELLION_DKIM_KEY", "one without the others", allowed);
  }
  if (config.dkimDomain !== null && config.smtpUrl === null) {
    throw new ConfigError("TABELLION_DKIM_DOMAIN", "a domain", "nothing, unless TABELLION_SMTP_URL is set");
  }
  if ((config.smsUrl === null) !== (config.smsToken === null)) {
    const missing = config.smsUrl === null ? settings.smsUrl : settings.smsToken;
    throw new ConfigError(
      missing.variable,
      "nothing",
      "TABELLION_SMS_URL and TABELLION_SMS_TOKEN together, or neither",
    );
  }
}

/** The settings as `tabellion config` prints them: every variable, its value now (secrets hidden), and its meaning. */
export function describeConfig(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const lines: string[] = [];
  for (const row of Object.values(settings)) {
    const raw = environment[row.variable];
    const shown =
      raw === undefined || raw === "" ? `${row.byDefault}  (default)` : row.isSecret ? "(set, hidden)" : raw;
    lines.push(`${row.variable} = ${shown}`, `    ${row.meaning}`, `    Allowed: ${row.allowed}.`);
  }
  return `${lines.join("\n")}\n`;
}
