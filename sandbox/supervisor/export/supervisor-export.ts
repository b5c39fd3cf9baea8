// The export of a supervisor: what it needs is read, put in force, replaced at a reload, and ended. Runs in the supervisor.
import { isDeepStrictEqual } from 'node:util';
import type { ExportConfig } from '../../../shared/config/export-config.js';
import { serverPlace } from '../../../shared/config/server-place.js';
import type { Written } from '../files/plugin-links.js';
import { systemRoots } from '../gateway/plugin-gateway.js';
import type { Records } from '../record/records.js';
import { Requester, requesterConfig, type StartOwn } from '../requester/requester.js';
import { EXPORT_NAME, Exporter, type ExportFacts, type ExportTarget } from './exporter.js';
import { type ExportFiles, readExportFiles } from './read-headers.js';

interface ExportParts {
  readonly records: Records;
  readonly start: StartOwn;
  /** What any plugin may write, or could write before. */
  readonly written: () => readonly Written[];
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

interface Prepared {
  readonly config: ExportConfig;
  readonly files: ExportFiles;
}

export class SupervisorExport {
  readonly #parts: ExportParts;
  readonly #name: string;
  #exporter: Exporter | undefined;
  #inForce: Prepared | undefined;
  /** Resolves when the process of a former target is gone: the broker knows both by one name. */
  #leaving: Promise<void> = Promise.resolve();

  /** @param name the path of the configuration */
  constructor(name: string, parts: ExportParts) {
    this.#name = name;
    this.#parts = parts;
  }

  /** Null: there is no export. */
  get facts(): ExportFacts | null {
    return this.#exporter?.facts ?? null;
  }

  /**
   * Reads what an export needs, and changes nothing.
   *
   * @returns what puts it in force
   * @throws PosternError `bad_secret`, `path_not_apart`
   */
  prepare(config: ExportConfig | undefined): () => Promise<void> {
    const prepared = config && { config, files: readExportFiles(config, this.#parts.written()) };
    return () => this.#put(prepared);
  }

  /** Sends what waits, within the time. */
  async close(milliseconds: number): Promise<void> {
    const exporter = this.#exporter;
    await exporter?.close(milliseconds);
    this.#parts.records.exporter = undefined;
    this.#exporter = undefined;
    this.#inForce = undefined;
  }

  #targetOf({ config, files: { headers, ca } }: Prepared): ExportTarget {
    const { start, onNotice } = this.#parts;
    const place = serverPlace(config.otlp) ?? { host: '', port: 0 };
    const requester = new Requester(
      async (...own) => {
        await this.#leaving;
        return start(...own);
      },
      requesterConfig(EXPORT_NAME, place, config.addresses, config.via),
      { url: config.otlp, roots: ca ?? (systemRoots() || undefined) },
      () => onNotice('the process of the export has ended; another one starts with the next batch'),
    );
    return { config, headers, requester };
  }

  async #put(prepared: Prepared | undefined): Promise<void> {
    const { records, onNotice } = this.#parts;
    if (prepared === undefined) return this.close(0);
    if (isDeepStrictEqual(prepared, this.#inForce)) return;
    this.#inForce = prepared;
    const target = this.#targetOf(prepared);
    records.exportBegins(target.config.signals);
    if (this.#exporter !== undefined) {
      this.#leaving = this.#exporter.retarget(target);
      return this.#leaving;
    }
    this.#exporter = new Exporter(target, {
      ...{ name: this.#name, page: () => records.page(), onNotice },
      counts: {
        events: (result, count) => records.exported(result, count),
        batch: (signal, isTaken) => records.exportSent(signal, isTaken),
        isUp: (up) => records.exportIsUp(up),
      },
    });
    records.exporter = this.#exporter;
  }
}
