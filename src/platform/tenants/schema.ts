import { z } from "zod";
import { idShape, instantShape, pageQuery, pageShape } from "../http/body.ts";

export const tenantParams = z.strictObject({ id: idShape("ten", "Id of the organisation.") });

const nameExample = { examples: ["Lock & Quay, notaries"] };

export const createTenantRequest = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^\u0000-\u001f\u007f]+$/)
    .meta(nameExample),
});

export const tenantView = z.strictObject({
  tenant_id: idShape("ten", "Id of the organisation."),
  name: z.string().max(200).meta(nameExample),
  is_demo: z.boolean(),
  created_at: instantShape("When it was made"),
});

export const listTenantsQuery = z.strictObject({ ...pageQuery });
export const tenantList = pageShape(tenantView);

export const rotatedKeys = z.strictObject({
  tenant_id: idShape("ten", "Id of the organisation."),
  generation: z.int().min(1).max(1_000_000_000).meta({ description: "Generation of the key that seals from now on." }),
});

export type TenantView = z.output<typeof tenantView>;
