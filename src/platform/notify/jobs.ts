import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StartError } from "../errors/start-error.ts";
import { job, type JobDefinition } from "../jobs/jobs.ts";
import type { Services } from "../product.ts";
import { mailAddress } from "./address.ts";
import type { DkimKey, Sender } from "./mail-message.ts";
import { SEND_JOB } from "./notify.ts";
import { sweepNotifications } from "./operations.ts";
import { mailOutbox, smsOutbox, sweepOutbox } from "./outbox.ts";
import { sendNotification, type AskedByPurpose, type Transports } from "./send.ts";
import { smsGateway } from "./sms-gateway.ts";
import { parseRelay } from "./smtp-url.ts";
import { smtpTransport } from "./smtp.ts";

type NotifyServices = Pick<Services, "config" | "db" | "keyring" | "clock" | "log" | "outbound">;

/** Failures of ours, such as a lost database; failures of the far end have a plan of their own. */
const MAX_ATTEMPTS = 25;

/** Sending, and forgetting what was sent. Throws `StartError` when the DKIM key cannot be read. */
export async function notifyJobs(services: NotifyServices, asked: AskedByPurpose): Promise<JobDefinition[]> {
  const { config, clock } = services;
  const folder = join(config.dataDirectory, "outbox");
  const transports = await transportsOf(services, folder);
  const sending = { ...services, ...asked };
  return [
    job({
      name: SEND_JOB,
      payload: z.object({ tenantId: z.string(), id: z.string() }),
      maxAttempts: MAX_ATTEMPTS,
      handle: (payload, run) => sendNotification(sending, transports, payload, run),
    }),
    job({
      name: "platform.sweepNotifications",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "41 3 * * *",
      handle: (_payload, run) => sweepNotifications(services, run),
    }),
    job({
      name: "platform.sweepOutbox",
      payload: z.object({}),
      maxAttempts: 3,
      schedule: "*/10 * * * *",
      handle: (_payload, run) => sweepOutbox(folder, { keptDays: config.outboxDays, now: clock.now() }, run),
    }),
  ];
}

async function transportsOf({ config, outbound }: NotifyServices, folder: string): Promise<Transports> {
  const sender = senderOf(config.mailFrom);
  return {
    mail:
      config.smtpUrl === null
        ? mailOutbox(folder, sender)
        : smtpTransport({
            outbound,
            allow: config.outboundAllow,
            relay: parseRelay(config.smtpUrl),
            sender,
            dkim: await dkimOf(config),
          }),
    sms:
      config.smsUrl === null || config.smsToken === null
        ? smsOutbox(folder)
        : smsGateway(outbound, { url: config.smsUrl, token: config.smsToken, from: config.smsFrom }),
  };
}

/** `Name <address>` or an address; the setting's pattern has let it through. */
function senderOf(text: string): Sender {
  const [, name = "", bracketed = text] = /^(.*?)\s*<([^<>]+)>$/.exec(text) ?? [];
  const address = mailAddress(bracketed);
  if (address === null) throw new StartError(`TABELLION_MAIL_FROM: ${bracketed} is no mail address`);
  return { name, address };
}

async function dkimOf(config: NotifyServices["config"]): Promise<DkimKey | null> {
  const { dkimDomain, dkimSelector, dkimKeyPath } = config;
  if (dkimDomain === null || dkimSelector === null || dkimKeyPath === null) return null;
  const privateKey = await readFile(dkimKeyPath, "utf8");
  if (!privateKey.includes("PRIVATE KEY")) {
    throw new StartError(`TABELLION_DKIM_KEY: ${dkimKeyPath} is no private key in PEM`);
  }
  return { domainName: dkimDomain, keySelector: dkimSelector, privateKey };
}
