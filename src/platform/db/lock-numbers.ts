/** Numbers of PostgreSQL's advisory locks: of one database all in one place, so that no two uses share one. */
export const lockNumbers = {
  /** A process owns its embedded cluster. */
  cluster: 8_443_000,
  grants: 8_443_001,
  jobTables: 8_443_002,
  backup: 8_443_003,
  restore: 8_443_004,
  demoTenant: 8_443_005,
  signingKeys: 8_443_021,
} as const;
