import type { KeyLabel, Owner, Randomness } from "./ssks-crypto.ts";

/** Published vectors of the client's cryptography: what an envelope and a secret are, where nothing is random. */
export const vectorOwner: Owner = { appId: "00000000-0000-4000-8000-000000000001", userId: "alice" };
export const vectorRandomness: Randomness = {
  salt: Uint8Array.from({ length: 32 }, (_, at) => at),
  iv: Uint8Array.from({ length: 16 }, (_, at) => 0xa0 + at),
};
/** What is sealed in each of them. */
export const VECTOR_IDENTITY = "identity";

type Vector = {
  readonly name: string;
  readonly text: string;
  readonly label: KeyLabel;
  readonly key: string;
  readonly data: string;
};

export const vectors: readonly Vector[] = [
  {
    name: "a password",
    text: "correct horse",
    label: "seald-ssks-encryption",
    key: "ca0ff29489fa2b75934ec3865705ed180fa73bb5914edc978933877adb253b9df4bd808840c15a4b90aa628d8f1a7e57f50a785a744366d9c0a20657f83fbf00",
    data: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+goaKjpKWmp6ipqqusra6v/52nAbi8tRJ6T3K9tj/8PZbnKFG9at2LrzOxLQmnmsgszjl6FuwSpIPEhTlUJHga",
  },
  {
    name: "a twoManRuleKey",
    text: "tmr key",
    label: "seald-ssks-2mr-encryption",
    key: "4d8f602af07470b3392011a69a5491c5e84099fd2ee49891f3e5d6e6bd0b9cbf7465a6be144525d30e35869f2321b78a9dd4da69fc755af9aa52102a27a0a47e",
    data: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+goaKjpKWmp6ipqqusra6vfhu4M5uqyAdi06XuAj6vnbdV122Y1OkPQZoHQOBk+Y4WufZYDs7jfxDkTL98Vmqu",
  },
];
/** What is sent in place of the password of the first. */
export const VECTOR_SECRET =
  "0808091976a0ec26f2fa734c45cca65c212edc34bed70ffbba9cc9bfdc746efc9c3636e64eccfa54d6c3d949274ed7a328a7a533e657307e03b0a0ceb1da7a5e";
