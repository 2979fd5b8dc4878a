import { z } from "zod";
import { actorOf, createToken } from "../credentials/operations.ts";
import { tokenShapes } from "../credentials/schema.ts";
import { pageOf, positionOf } from "../db/paging.ts";
import { routeFor, type Route } from "../http/route.ts";
import { recordAudit } from "../audit/audit.ts";
import type { Call } from "../product.ts";
import { tenantError, tenantErrors } from "../tenants/errors.ts";
import { createTenant, deleteTenant } from "../tenants/operations.ts";
import {
  createTenantRequest,
  listTenantsQuery,
  rotatedKeys,
  tenantList,
  tenantParams,
  tenantView,
  type TenantView,
} from "../tenants/schema.ts";
import { findTenant, listTenants, type TenantRow } from "../tenants/store.ts";

const route = routeFor<Call>();
const OPERATOR = ["operator"] as const;

/** `scopes`: what tokens of each product can hold. */
export function administrationRoutes(scopes: Readonly<Record<string, readonly [string, ...string[]]>>): Route<Call>[] {
  return [
    createTenantRoute(),
    listTenantsRoute(),
    getTenantRoute(),
    deleteTenantRoute(),
    rotateTenantKeysRoute(),
    ...Object.entries(scopes).map(([product, list]) => firstTokenRoute(product, list)),
  ];
}

function createTenantRoute(): Route<Call> {
  return route({
    operation: "createTenant",
    method: "POST",
    paths: ["/v1/tenants"],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: "Make an organisation",
    body: { kind: "json", schema: createTenantRequest },
    answer: { kind: "json", status: 201, schema: tenantView, description: "The organisation." },
    errors: [],
    handle: async (call, { body }) =>
      call.write(async (tx) => {
        const order = { name: body.name, isDemo: false, now: call.now };
        return viewOf(await createTenant(tx, call.services.keyring, order, actorOf(call)));
      }),
  });
}

function listTenantsRoute(): Route<Call> {
  return route({
    operation: "listTenants",
    method: "GET",
    paths: ["/v1/tenants"],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: "List organisations",
    query: listTenantsQuery,
    answer: { kind: "json", status: 200, schema: tenantList, description: "Organisations, oldest first." },
    errors: [],
    async handle(call, { query }) {
      const position = positionOf(query);
      const rows = await call.read((tx) => listTenants(tx, position));
      return pageOf(rows, position, { id: (row) => row.id, show: viewOf });
    },
  });
}

function getTenantRoute(): Route<Call> {
  return route({
    operation: "getTenant",
    method: "GET",
    paths: ["/v1/tenants/{id}"],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: "Look at an organisation",
    params: tenantParams,
    answer: { kind: "json", status: 200, schema: tenantView, description: "The organisation." },
    errors: [tenantErrors.tenant_not_found],
    async handle(call, { params }) {
      const row = await call.read((tx) => findTenant(tx, params.id));
      if (row === null) throw tenantError("tenant_not_found", `There is no organisation ${params.id}.`);
      return viewOf(row);
    },
  });
}

function deleteTenantRoute(): Route<Call> {
  return route({
    operation: "deleteTenant",
    method: "DELETE",
    paths: ["/v1/tenants/{id}"],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: "Shred an organisation: destroy its keys, so that nothing of it can be read again",
    params: tenantParams,
    answer: { kind: "empty", status: 204, description: "Shredded." },
    errors: [tenantErrors.tenant_not_found],
    async handle(call, { params }) {
      await call.write((tx) =>
        deleteTenant(tx, call.services.keyring, params.id, { now: call.now, actor: actorOf(call) }),
      );
    },
  });
}

function rotateTenantKeysRoute(): Route<Call> {
  return route({
    operation: "rotateTenantKeys",
    method: "POST",
    paths: ["/v1/tenants/{id}/rotate-keys"],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: "Seal with a new key from now on; what was sealed before still opens",
    params: tenantParams,
    answer: { kind: "json", status: 200, schema: rotatedKeys, description: "The new generation." },
    errors: [tenantErrors.tenant_not_found],
    handle: (call, { params }) =>
      call.write(async (tx) => {
        const generation = await call.services.keyring.rotateTenantKeys(tx, params.id);
        await recordAudit(tx, params.id, {
          action: "platform.rotateTenantKeys",
          at: call.now,
          actor: { type: "operator", id: "operator", ip: call.remoteAddress },
          resource: { type: "tenant", id: params.id },
          outcome: "success",
          details: { generation },
        });
        return { tenant_id: params.id, generation };
      }),
  });
}

/** The first token of an organisation, by which it makes its others itself. */
function firstTokenRoute(product: string, scopes: readonly [string, ...string[]]): Route<Call> {
  const shapes = tokenShapes(product, scopes);
  const request = z.strictObject({
    ...shapes.create.shape,
    scopes: shapes.create.shape.scopes.default([...scopes]).meta({ description: "Every scope when not given." }),
  });
  return route({
    operation: `create${product.charAt(0).toUpperCase()}${product.slice(1)}Token`,
    method: "POST",
    paths: [`/v1/tenants/{id}/${product}-tokens`],
    scopes: OPERATOR,
    tag: "Organisations",
    summary: `Give an organisation a token for ${product}`,
    params: tenantParams,
    body: { kind: "json", schema: request },
    answer: { kind: "json", status: 201, schema: shapes.created, description: "The token, shown once." },
    errors: [tenantErrors.tenant_not_found],
    isAnswerSecret: true,
    handle: (call, { body }) => createToken(call, product, body),
  });
}

function viewOf(row: TenantRow): TenantView {
  return { tenant_id: row.id, name: row.name, is_demo: row.is_demo, created_at: row.created_at.toISOString() };
}
