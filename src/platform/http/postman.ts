/** A Postman collection as far as it is looked at here; the rest is carried along. */
type Member = { readonly [name: string]: unknown };

function isMember(value: unknown): value is Member {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Only ids that the converter invents anew at each run: with them no two collections would be equal. */
const INVENTED = new Set(["id", "_postman_id", "_postman_previewlanguage"]);

/**
 * Makes a converted collection usable and repeatable: one token variable for all requests, a fresh Idempotency-Key
 * for each POST, optional query parameters there but off, and neither ids that differ at each run nor the saved
 * answers, which the document already shows.
 */
export function tidiedCollection(converted: unknown, publicUrl: string): Member {
  if (!isMember(converted)) throw new TypeError("The converter gave no collection");
  const { auth: _auth, variable: _variable, ...rest } = converted;
  return {
    ...tidiedMember(rest),
    auth: { type: "bearer", bearer: [{ key: "token", value: "{{token}}", type: "string" }] },
    variable: [
      { key: "baseUrl", value: publicUrl, type: "string" },
      { key: "token", value: "", type: "string" },
    ],
  };
}

function tidied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => tidied(one));
  return isMember(value) ? tidiedMember(value) : value;
}

function tidiedMember(member: Member): Member {
  const isRequest = "request" in member;
  const kept = Object.entries(member).filter(([name]) => !INVENTED.has(name) || !isInvented(name, member));
  const copy = Object.fromEntries(kept.map(([name, value]) => [name, tidied(value)]));
  if (isRequest) copy["response"] = [];
  if (copy["key"] === "Idempotency-Key") return { ...copy, value: "{{$guid}}", disabled: false };
  if (Array.isArray(copy["query"])) copy["query"] = copy["query"].map(switchedOff);
  // Requests take the token of the collection; those that need none say `noauth` themselves.
  if (isMember(copy["auth"]) && copy["auth"]["type"] !== "noauth") delete copy["auth"];
  return copy;
}

/** Sent all at once, examples of optional parameters contradict each other. The converter marks the required ones. */
function switchedOff(parameter: unknown): unknown {
  if (!isMember(parameter)) return parameter;
  const described = isMember(parameter["description"]) ? String(parameter["description"]["content"]) : "";
  return described.startsWith("(Required)") ? parameter : { ...parameter, disabled: true };
}

/** A path variable called `id` is a member `key: 'id'`, never a member named `id`; an example body may have one. */
function isInvented(name: string, member: Member): boolean {
  return name !== "id" || "request" in member || "item" in member || "key" in member || "header" in member;
}
