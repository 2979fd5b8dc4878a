import { routeFor, type Route } from "../../../platform/http/route.ts";
import type { Call } from "../../../platform/product.ts";
import { ssksErrors as errors } from "../errors.ts";
import type { AppLookup } from "../operations/app-lookup.ts";
import { createApp, deleteApp, getApp, listApps, updateApp } from "../operations/apps.ts";
import { createAppKey, listAppKeys, revokeAppKey, rotateAppKey } from "../operations/api-keys.ts";
import { createTemplate, deleteTemplate, listTemplates, updateTemplate } from "../operations/templates.ts";
import * as schema from "../schema.ts";

const route = routeFor<Call>();
const READ = ["apps:read"] as const;
const WRITE = ["apps:write"] as const;
const DEFAULT_OVERLAP_SECONDS = 24 * 3600;
const APPS = "/v1/ssks/apps";
const TAG = "Applications";

/** `forgetKey`: what this process remembers of a key, by its look-up id. */
type Parts = { readonly apps: AppLookup; forgetKey(lookupId: string): void };

/** Applications, as their organisation sees to them. */
export function managementRoutes(parts: Parts): Route<Call>[] {
  return [...appRoutes(), ...changeRoutes(parts), ...keyRoutes(), ...keyChangeRoutes(parts), ...templateRoutes()];
}

/** UUIDs have one spelling here, however they are given. */
const idOf = ({ id }: { readonly id: string }): string => id.toLowerCase();

const appAnswer = { kind: "json", status: 200, schema: schema.appView, description: "The application." } as const;

function appRoutes(): Route<Call>[] {
  return [
    route({
      operation: "createApp",
      method: "POST",
      paths: [APPS],
      scopes: WRITE,
      tag: TAG,
      summary: "Make an application",
      body: { kind: "json", schema: schema.createAppRequest },
      answer: { ...appAnswer, status: 201 },
      errors: [],
      examples: { request: { name: "Customer portal", environment: "staging" } },
      handle: (call, { body }) => createApp(call, body),
    }),
    route({
      operation: "listApps",
      method: "GET",
      paths: [APPS],
      scopes: READ,
      tag: TAG,
      summary: "List applications",
      query: schema.listAppsQuery,
      answer: {
        kind: "json",
        status: 200,
        schema: schema.appList,
        description: "Applications, in the order of their ids.",
      },
      errors: [],
      handle: (call, { query }) => listApps(call, query),
    }),
    route({
      operation: "getApp",
      method: "GET",
      paths: [`${APPS}/{id}`],
      scopes: READ,
      tag: TAG,
      summary: "Look at an application",
      params: schema.appParams,
      answer: appAnswer,
      errors: [errors.app_not_found],
      handle: (call, { params }) => getApp(call, idOf(params)),
    }),
  ];
}

function changeRoutes({ apps }: Parts): Route<Call>[] {
  return [
    route({
      operation: "updateApp",
      method: "PATCH",
      paths: [`${APPS}/{id}`],
      scopes: WRITE,
      tag: TAG,
      summary: "Change an application",
      description: "Holds in every process within a second.",
      params: schema.appParams,
      body: { kind: "json", schema: schema.updateAppRequest },
      answer: appAnswer,
      errors: [errors.app_not_found],
      examples: { request: { environment: "production", sms_quota: 5_000 } },
      handle: async (call, { params, body }) => {
        const changed = await updateApp(call, idOf(params), body);
        apps.forget(idOf(params));
        return changed;
      },
    }),
    route({
      operation: "deleteApp",
      method: "DELETE",
      paths: [`${APPS}/{id}`],
      scopes: WRITE,
      tag: TAG,
      summary: "Delete an application with all that its users have stored",
      params: schema.appParams,
      answer: { kind: "empty", status: 204, description: "Deleted." },
      errors: [errors.app_not_found],
      needsStepUp: true,
      handle: async (call, { params }) => {
        await deleteApp(call, idOf(params));
        apps.forget(idOf(params));
      },
    }),
  ];
}

function keyRoutes(): Route<Call>[] {
  return [
    route({
      operation: "createAppKey",
      method: "POST",
      paths: [`${APPS}/{id}/keys`],
      scopes: WRITE,
      tag: TAG,
      summary: "Make an API key of an application",
      params: schema.appParams,
      body: { kind: "json", schema: schema.createKeyRequest, isOptional: true },
      answer: { kind: "json", status: 201, schema: schema.newKeyResponse, description: "The key, shown once." },
      errors: [errors.app_not_found],
      needsStepUp: true,
      isAnswerSecret: true,
      handle: (call, { params, body }) => createAppKey(call, idOf(params), body?.name ?? "key"),
    }),
    route({
      operation: "listAppKeys",
      method: "GET",
      paths: [`${APPS}/{id}/keys`],
      scopes: READ,
      tag: TAG,
      summary: "List the API keys of an application",
      params: schema.appParams,
      query: schema.listKeysQuery,
      answer: {
        kind: "json",
        status: 200,
        schema: schema.keyList,
        description: "Its keys, without their secrets.",
      },
      errors: [errors.app_not_found],
      handle: (call, { params, query }) => listAppKeys(call, idOf(params), query),
    }),
  ];
}

function keyChangeRoutes({ forgetKey }: Parts): Route<Call>[] {
  return [
    route({
      operation: "rotateAppKey",
      method: "POST",
      paths: [`${APPS}/{id}/keys/{key_id}/rotate`],
      scopes: WRITE,
      tag: TAG,
      summary: "Replace an API key by a new one",
      description: "The old key stays valid for the overlap.",
      params: schema.keyParams,
      body: { kind: "json", schema: schema.rotateKeyRequest, isOptional: true },
      answer: { kind: "json", status: 201, schema: schema.newKeyResponse, description: "The new key, shown once." },
      errors: [errors.app_not_found, errors.key_not_found, errors.key_ended],
      needsStepUp: true,
      isAnswerSecret: true,
      handle: (call, { params, body }) =>
        rotateAppKey(
          call,
          { appId: idOf(params), keyId: params.key_id, forget: forgetKey },
          body?.overlap_seconds ?? DEFAULT_OVERLAP_SECONDS,
        ),
    }),
    route({
      operation: "revokeAppKey",
      method: "DELETE",
      paths: [`${APPS}/{id}/keys/{key_id}`],
      scopes: WRITE,
      tag: TAG,
      summary: "Revoke an API key",
      description: "Takes effect on every process within a second. Revoking again changes nothing.",
      params: schema.keyParams,
      answer: { kind: "empty", status: 204, description: "Revoked." },
      errors: [errors.key_not_found],
      handle: (call, { params }) =>
        revokeAppKey(call, { appId: idOf(params), keyId: params.key_id, forget: forgetKey }),
    }),
  ];
}

function templateRoutes(): Route<Call>[] {
  return [
    route({
      operation: "createTemplate",
      method: "POST",
      paths: [`${APPS}/{id}/templates`],
      scopes: WRITE,
      tag: TAG,
      summary: "Keep a template for mails with challenges",
      params: schema.appParams,
      body: { kind: "json", schema: schema.createTemplateRequest },
      answer: { kind: "json", status: 201, schema: schema.templateView, description: "The template." },
      errors: [errors.app_not_found, errors.too_many_templates],
      examples: { request: { name: "sign-in", subject: "Your code", html: "<p>$$CHALLENGE$$</p>", is_default: true } },
      handle: (call, { params, body }) => createTemplate(call, idOf(params), body),
    }),
    route({
      operation: "listTemplates",
      method: "GET",
      paths: [`${APPS}/{id}/templates`],
      scopes: READ,
      tag: TAG,
      summary: "List the templates of an application",
      params: schema.appParams,
      answer: { kind: "json", status: 200, schema: schema.templateList, description: "Templates, oldest first." },
      errors: [errors.app_not_found],
      handle: (call, { params }) => listTemplates(call, idOf(params)),
    }),
    route({
      operation: "updateTemplate",
      method: "PATCH",
      paths: [`${APPS}/{id}/templates/{template_id}`],
      scopes: WRITE,
      tag: TAG,
      summary: "Change a template",
      params: schema.templateParams,
      body: { kind: "json", schema: schema.updateTemplateRequest },
      answer: { kind: "json", status: 200, schema: schema.templateView, description: "The template." },
      errors: [errors.app_not_found, errors.template_not_found],
      examples: { request: { is_default: true } },
      handle: (call, { params, body }) =>
        updateTemplate(call, { appId: idOf(params), templateId: params.template_id.toLowerCase() }, body),
    }),
    route({
      operation: "deleteTemplate",
      method: "DELETE",
      paths: [`${APPS}/{id}/templates/{template_id}`],
      scopes: WRITE,
      tag: TAG,
      summary: "Delete a template",
      params: schema.templateParams,
      answer: { kind: "empty", status: 204, description: "Deleted." },
      errors: [errors.template_not_found],
      handle: (call, { params }) =>
        deleteTemplate(call, { appId: idOf(params), templateId: params.template_id.toLowerCase() }),
    }),
  ];
}
