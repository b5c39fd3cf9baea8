// An audit event as most tests read it: any field, by its name.
export type AuditLine = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
