/** Types of sanctuary.js. The wire itself is described in protocol/README.md. */

export type State = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed' | 'ended';

/** An event of a topic (with `topic`, `seq` and `at`) or a signal. */
export interface Push<Data = any> {
  topic?: string;
  seq?: number;
  at?: number;
  event: string;
  data: Data;
}

export interface Cursor {
  topic: string;
  seq: number;
}

export interface Message {
  conversation_id: string;
  text?: string;
  attachments?: string[];
  /** Seq of the message this one answers. */
  reply_to?: number;
  /** Chosen for you if absent. */
  client_id?: string;
}

/** A message on its way. `failed` ones wait for `resend` or `discard`. */
export interface Unsent extends Message {
  client_id: string;
  created_at: number;
  state: 'sending' | 'sent' | 'failed' | 'discarded';
  error?: { code: string; message: string; detail?: unknown };
}

export interface Sent {
  seq: number;
  message_id: string;
  at: number;
  duplicate: boolean;
}

/** Keeps unsent messages, so that they survive the program; localStorage, for instance. */
export interface OutboxStore {
  all(): Unsent[];
  put(message: Unsent): void;
  delete(client_id: string): void;
}

export interface Clock {
  now(): number;
  random(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export interface Options {
  /** `wss://host/v1/socket` */
  url: string;
  /** The client's own name for the device, 1–64 bytes. Two live connections need two names. */
  deviceId: string;
  /**
   * An access token. `fresh`: the last one is over, so get a new one. Rejecting with an error
   * whose `retryable` is false ends the session; after any other error it is asked again later.
   */
  token(ask: { fresh: boolean }): Promise<string>;
  /** Name and version of the program. */
  client?: string;
  /** For Node before 22: the class of `ws`, or another with the browser's interface. */
  WebSocket?: new (url: string, protocols: string[]) => any;
  outbox?: OutboxStore;
  /** Where an earlier client stood. */
  cursors?: Cursor[];
  /** For tests. */
  clock?: Clock;
}

/** Why the session is over: a close code that says so, or the error that ended it. */
export interface Ended {
  code?: number;
  error?: Error;
}

export interface CallOptions {
  /** Ask again after a lost connection or a retryable error. For what is harmless to repeat. */
  retry?: boolean;
}

export declare const Close: Readonly<{
  TOKEN_EXPIRED: 4005;
  BAD_TOKEN: 4500;
  VIOLATED: 4501;
  REVOKED: 4502;
  REPLACED: 4503;
  SUSPENDED: 4505;
}>;

/** Codes of the protocol, and `disconnected` and `ended`, which are the client's own. */
export declare class SanctuaryError extends Error {
  constructor(error: {
    code: string;
    message?: string;
    retryable?: boolean;
    retry_after_ms?: number;
    detail?: unknown;
  });
  readonly code: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
  readonly detail?: any;
}

export declare function backoffMs(n: number, random?: () => number): number;
export declare function uuid(): string;

export declare class Sanctuary {
  constructor(options: Options);

  readonly state: State;
  /** The person, once the first session is open. */
  readonly user: { id: string; name: string; roles: string[] } | null;

  on(name: 'state', listener: (state: State) => void): () => void;
  on(name: 'open', listener: (opened: any) => void): () => void;
  on(name: 'ended', listener: (why: Ended) => void): () => void;
  on(name: 'outbox', listener: (message: Unsent) => void): () => void;
  /** `event` is every event that has a seq; otherwise an event or a signal by its name. */
  on(name: string, listener: (push: Push) => void): () => void;

  connect(): void;
  wake(): void;
  close(): void;

  call<Result = any>(method: string, params?: object, options?: CallOptions): Promise<Result>;

  send(message: Message): { client_id: string; sent: Promise<Sent> };
  unsent(conversation_id?: string): Unsent[];
  resend(client_id: string): void;
  discard(client_id: string): void;

  track(topic: string, seq: number): void;
  cursors(): Cursor[];
  subscribe(topic: string, after?: number): Promise<{ head: number }>;
  unsubscribe(topic: string): Promise<void>;

  watch(users: string[]): void;
  unwatch(users: string[]): void;
  background(on: boolean): void;
}
