import assert from "node:assert/strict";
import { test } from "node:test";
import { tidiedCollection } from "./postman.ts";

const converted = {
  info: { _postman_id: "a1", name: "Letters" },
  auth: { type: "bearer", bearer: [] },
  variable: [{ id: "b2", key: "baseUrl", value: "/" }],
  item: [
    {
      id: "c3",
      name: "Create",
      request: {
        auth: { type: "bearer" },
        header: [{ key: "Idempotency-Key", value: "6f1c", disabled: true }],
        url: { variable: [{ id: "d4", key: "id", value: "let_1" }] },
        body: { raw: '{"id":"kept"}' },
      },
      response: [{ id: "e5", body: "{}" }],
    },
    { id: "f6", name: "Keys", request: { auth: { type: "noauth" }, header: [] }, response: [] },
    {
      id: "g7",
      name: "List",
      request: {
        url: {
          query: [
            { key: "page", value: "1", disabled: false, description: { content: "Number of the page." } },
            { key: "folder", value: "in", disabled: false, description: { content: "(Required) The folder." } },
          ],
        },
      },
    },
  ],
};

test("a collection has one token, a fresh key for each POST, optional parameters off, nothing that differs at the next run", () => {
  assert.deepEqual(tidiedCollection(converted, "https://letters.example.org"), {
    info: { name: "Letters" },
    item: [
      {
        name: "Create",
        request: {
          header: [{ key: "Idempotency-Key", value: "{{$guid}}", disabled: false }],
          url: { variable: [{ key: "id", value: "let_1" }] },
          body: { raw: '{"id":"kept"}' },
        },
        response: [],
      },
      { name: "Keys", request: { auth: { type: "noauth" }, header: [] }, response: [] },
      {
        name: "List",
        request: {
          url: {
            query: [
              { key: "page", value: "1", disabled: true, description: { content: "Number of the page." } },
              { key: "folder", value: "in", disabled: false, description: { content: "(Required) The folder." } },
            ],
          },
        },
        response: [],
      },
    ],
    auth: { type: "bearer", bearer: [{ key: "token", value: "{{token}}", type: "string" }] },
    variable: [
      { key: "baseUrl", value: "https://letters.example.org", type: "string" },
      { key: "token", value: "", type: "string" },
    ],
  });
});

test("what is no collection is refused", () => {
  assert.throws(() => tidiedCollection(undefined, "https://letters.example.org"), TypeError);
});
