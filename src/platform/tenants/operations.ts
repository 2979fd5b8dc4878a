import { recordAudit } from '../audit/audit.ts'
import type { Database } from '../db/tx.ts'
import { newId } from '../ids/ids.ts'
import type { Keyring } from '../keys/keyring.ts'
import { tenantError } from './errors.ts'
import { insertTenant, updateTenantDeleted, type TenantRow } from './store.ts'

export type TenantServices = { readonly db: Database; readonly keyring: Keyring }

/** Makes an organisation with keys of its own. */
export async function createTenant(
  services: TenantServices,
  tenant: { name: string; isDemo: boolean; now: Date },
): Promise<TenantRow> {
  const id = newId('ten', tenant.now)
  await services.db.tenant(id, async (tx) => {
    await insertTenant(tx, { id, ...tenant })
    await services.keyring.createTenantKeys(tx, id)
    await recordAudit(tx, id, {
      action: 'platform.createTenant',
      at: tenant.now,
      actor: { type: 'operator', id: 'operator' },
      resource: { type: 'tenant', id },
      outcome: 'success',
    })
  })
  return { id, name: tenant.name, is_demo: tenant.isDemo, created_at: tenant.now, deleted_at: null }
}

/**
 * Shreds an organisation: its keys are destroyed in the same transaction, so that from its commit on nothing sealed
 * for it can be opened by anyone. Its tokens are refused from then on; other processes follow within a second.
 */
export async function deleteTenant(services: TenantServices, tenantId: string, now: Date): Promise<void> {
  await services.db.tenant(tenantId, async (tx) => {
    if ((await updateTenantDeleted(tx, tenantId, now)) === 0) {
      throw tenantError('tenant_not_found', `There is no organisation ${tenantId}.`)
    }
    await services.keyring.shredTenantKeys(tx, tenantId)
    await recordAudit(tx, tenantId, {
      action: 'platform.deleteTenant',
      at: now,
      actor: { type: 'operator', id: 'operator' },
      resource: { type: 'tenant', id: tenantId },
      outcome: 'success',
    })
  })
}
