import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readMail, waitForMail, type Mail, type Mailbox } from "./mailbox.ts";

/** The mails that a server without a relay has written below its data folder, as a mailbox. */
export function outboxOf(dataDirectory: string): Pick<Mailbox, "mails" | "mailTo"> {
  const folder = join(dataDirectory, "outbox");
  const mails = (): Mail[] => {
    // The folder is made with the first mail; names begin with the time.
    const names = readdirSync(dataDirectory).includes("outbox") ? readdirSync(folder) : [];
    return names
      .filter((name) => name.endsWith(".eml"))
      .toSorted()
      .map((name) => {
        const raw = readFileSync(join(folder, name), "latin1");
        return { to: /^to:.*?([^\s<>]+@[^\s<>]+)/im.exec(raw)?.[1] ?? "", ...readMail(raw) };
      });
  };
  return {
    get mails() {
      return mails();
    },
    mailTo: (address, count = 1) => waitForMail(mails, address, count),
  };
}
