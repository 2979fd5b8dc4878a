/** The function that the contract prints for receivers, as it is printed. Nothing here may be tidied up. */
const PUBLISHED = `// Vérification HMAC-SHA256 d'un webhook SecuFile
import crypto from 'node:crypto';
function verify(signature, body, secret) {
const expected = 'sha256=' + crypto
.createHmac('sha256', secret)
.update(body)
.digest('hex');
return crypto.timingSafeEqual(
Buffer.from(signature),
Buffer.from(expected),
);
}`;

export type PublishedVerify = (signature: string, body: Buffer, secret: string) => boolean;

/** Loads the printed text as a module of its own, as a receiver would. */
export async function publishedVerify(): Promise<PublishedVerify> {
  const text = Buffer.from(`${PUBLISHED}\nexport { verify };`, "utf8").toString("base64");
  const module: { verify: PublishedVerify } = await import(`data:text/javascript;base64,${text}`);
  return module.verify;
}
