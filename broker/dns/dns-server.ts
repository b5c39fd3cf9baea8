// One sandbox's DNS server, at port 53 of the sandbox's loopback: bytes to question to answer to bytes. Runs in the broker. The sandbox holds
// no duplicate of the sockets, and nothing outside of it can send to them.
import { BoundedMap } from '../../shared/bounded-map.js';
import { DNS_TIMEOUT_MS, LOG_WINDOW_MS } from '../../shared/limits.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { RequestLife } from '../limit/request-life.js';
import { type Origin, SOMEBODY } from '../record/audit.js';
import type { Plugin, Services } from '../request/plugin.js';
import { type DnsQuestion, decodeDnsQuestion } from './decode-dns-question.js';
import { type AnswerMessage, DnsDatagrams, DnsListener, type QuestionBounds } from './dns-listener.js';
import { type DnsAnswer, encodeDnsAnswer, encodeDnsRejection, type Transport } from './encode-dns-answer.js';
import { Grants } from './grants.js';
import { QuestionRate } from './question-rate.js';
import { QuestionRefusals } from './question-refusals.js';
import { type Asker, serveQuestion } from './serve-question.js';

/** Sockets of one sandbox whose programs are remembered. The log names the program that asked. */
const NOTED_ASKERS = 1024;

/** The sockets, as the launcher bound them. */
interface DnsSockets {
  /** UDP. */
  readonly datagrams: OwnedFd;
  /** TCP. */
  readonly listener: OwnedFd;
}

/** Serves one sandbox until it is closed. A sandbox that starts anew gets a new server, without the former grants. */
export class DnsServer {
  /** The names under which a connect to a bare address may be judged: this sandbox was given the address for them. */
  readonly grants: Grants = new Grants();
  /** The processes behind the asking sockets. The trap notes them, since it sees the sandbox's calls. */
  readonly askers: QuestionAskers = new QuestionAskers();
  readonly #services: Services;
  readonly #asker: Omit<Asker, 'origin'>;
  readonly #rate: QuestionRate;
  readonly #servers: readonly (DnsDatagrams | DnsListener)[];
  #open = true;

  /** @param sockets owned from here on */
  constructor(services: Services, plugin: Plugin, { datagrams, listener }: DnsSockets) {
    this.#services = services;
    const refusals = new QuestionRefusals(services.audit, plugin.name, plugin.metrics);
    this.#asker = { plugin, grants: this.grants, refusals, lookups: new Set() };
    const perSecond = plugin.limits.questionsPerSecond;
    const told = new TokenBucket(1000 / LOG_WINDOW_MS, 1);
    this.#rate = new QuestionRate(perSecond, () => {
      plugin.metrics.count('limitRejections', { limit: 'dns_rate' });
      if (!told.take()) return;
      const limit = 'questions_per_second';
      const message = `Look-ups of names wait: more than ${perSecond} questions within a second; to allow more: limits.${limit}`;
      services.audit.limited({ plugin: plugin.name, limit, message });
    });
    const bounds: QuestionBounds = {
      turn: plugin.turn,
      descriptors: plugin.descriptors,
      rate: this.#rate,
    };
    const answer =
      (transport: Transport): AnswerMessage =>
      (message, port) =>
        this.#answer(message, transport, port);
    this.#servers = [
      new DnsDatagrams(datagrams, bounds, answer('udp')),
      new DnsListener(listener, bounds, answer('tcp')),
    ];
  }

  /** Writes the refusals that were gathered. The next one of each name is an event at once again. */
  tellRefusals(): void {
    this.#asker.refusals.flush();
  }

  /** Closes the sockets. Questions in flight get no answer. */
  close(): void {
    this.#open = false;
    this.#rate.close();
    for (const server of this.#servers) server.close();
    for (const giveUp of this.#asker.lookups) giveUp();
    this.#asker.lookups.clear();
    this.tellRefusals();
  }

  #answer(
    message: Uint8Array,
    transport: Transport,
    port: number | undefined,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const question = decodeDnsQuestion(message);
    if (question === 'drop') return undefined;
    const { metrics } = this.#asker.plugin;
    if ('rejected' in question) {
      metrics.count('dnsQuestions', { answer: 'error' });
      return encodeDnsRejection(question);
    }
    const finish = (answer: Awaited<ReturnType<typeof serveQuestion>>): Uint8Array | undefined => {
      if (answer === undefined) return undefined;
      metrics.count('dnsQuestions', { answer: answer.answer });
      return encodeDnsAnswer(question, answer, transport);
    };
    const asker = { ...this.#asker, origin: this.askers.of(transport, port) };
    // protects: G8 full log: a question waits
    if (!asker.plugin.gate.isOpen) return this.#serveLater(asker, question).then(finish);
    const served = serveQuestion(this.#services, asker, question);
    return served instanceof Promise ? served.then(finish) : finish(served);
  }

  /** The answer may be an event, so the question waits while the log has no room. It gets no answer if that takes too long. */
  async #serveLater(asker: Asker, question: DnsQuestion): Promise<DnsAnswer | undefined> {
    const { questions, gate } = asker.plugin;
    if (!questions.admit()) return undefined;
    const life = new RequestLife(DNS_TIMEOUT_MS);
    await questions.track(gate.pass(life));
    life.settle();
    return this.#open && life.ended === undefined
      ? serveQuestion(this.#services, asker, question)
      : undefined;
  }
}

// The process behind a DNS question: its trapped connect(2) or bind(2) gave the asking socket its port. It is for the
// audit log alone, since the port may have passed to another program of the sandbox.

export class QuestionAskers {
  readonly #origins = new BoundedMap<string, Origin>(NOTED_ASKERS);

  /** @param port of a socket on the sandbox's loopback */
  note(transport: Transport, port: number, origin: Origin): void {
    this.#origins.set(`${transport} ${port}`, origin);
  }

  /** @param port the question's source */
  of(transport: Transport, port: number | undefined): Origin {
    return this.#origins.get(`${transport} ${port}`) ?? SOMEBODY;
  }
}
