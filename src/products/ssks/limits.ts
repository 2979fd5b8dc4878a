/** A bucket: how much at once, and every how many seconds, or which part of one, one more. */
export type Budget = { readonly burst: number; readonly every_seconds: number };

/**
 * What each application may set otherwise. Budgets of passwords and challenges count what was wrong, and nothing but time
 * empties them; the narrow one of a user and address fills long before the wide one of that user, so that a stranger locks
 * himself out and not the owner. What is found counts by its address alone, so that it cannot be asked for without end. Those of an application are wide: what fills them holds up all of its users.
 */
export const usualLimits = {
  sends_per_user: { burst: 10, every_seconds: 180 },
  sends_per_factor: { burst: 10, every_seconds: 180 },
  sends_per_app: { burst: 100_000, every_seconds: 0.01 },
  challenges_per_factor: { burst: 25, every_seconds: 180 },
  challenges_per_address: { burst: 100, every_seconds: 30 },
  challenges_per_app: { burst: 100_000, every_seconds: 0.01 },
  searches_per_user_and_address: { burst: 10, every_seconds: 180 },
  searches_per_user: { burst: 100, every_seconds: 180 },
  searches_per_address: { burst: 100, every_seconds: 180 },
  searches_found_per_address: { burst: 600, every_seconds: 1 },
  searches_per_app: { burst: 100_000, every_seconds: 0.01 },
  pushes_per_user_and_address: { burst: 30, every_seconds: 60 },
  pushes_per_user: { burst: 300, every_seconds: 30 },
  pushes_per_address: { burst: 300, every_seconds: 10 },
  pushes_per_app: { burst: 100_000, every_seconds: 0.01 },
} as const satisfies Readonly<Record<string, Budget>>;

/** Budgets as a statement takes from them: hashes of their keys, what they hold, and when one more runs out. */
export type BudgetTakes = { readonly hashes: Buffer[]; readonly bursts: number[]; readonly everyUs: number[] };

export type LimitName = keyof typeof usualLimits;

/** Those that an application sets otherwise. */
export type Limits = { readonly [N in LimitName]?: Budget | undefined };

export function budgetOf(limits: Limits, name: LimitName): Budget {
  return limits[name] ?? usualLimits[name];
}
