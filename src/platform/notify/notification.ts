export type NotificationKind = "mail" | "sms";
export type FinalState = "sent" | "failed" | "expired" | "uncertain" | "withdrawn";
export type NotificationState = "waiting" | "sending" | FinalState;

export type NotificationRow = {
  readonly tenant_id: string;
  readonly id: string;
  readonly kind: NotificationKind;
  readonly purpose: string;
  readonly state: NotificationState;
  readonly attempts: number;
  readonly error: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly finished_at: Date | null;
};
