/**
 * Logging in and out, and the tokens. Access tokens stay in memory. The refresh token is in
 * localStorage, so that a reload or a second tab finds people still logged in; script of others
 * can't read it there since the page's policy allows no script but our own, and a copied token
 * is noticed by the server when the second of the two is used.
 */

const REFRESH_KEY = 'sanctuary.refresh';
const OUTBOX_KEY = 'sanctuary.unsent.';
const EARLY_MS = 30_000;

/** A problem document of the server's. */
export class Problem extends Error {
  constructor(status, { code, detail, info, retryable } = {}) {
    super(detail ?? code ?? String(status));
    this.status = status;
    this.code = code;
    this.field = info?.field;
    // Without the document, it was something between here and the server that answered.
    this.retryable = retryable ?? (status >= 500 || status === 429);
  }
}

async function ask(method, path, { body, bearer } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response;
}

/** Without a login. */
export const post = (path, body) => ask('POST', path, { body }).then((response) => response.json());

export class Account {
  #access = null;
  #expiresAt = 0;

  user = null;

  get isKnown() {
    return localStorage.getItem(REFRESH_KEY) !== null;
  }

  get = (path) => this.#call('GET', path);

  post = (path, body) => this.#call('POST', path, body);

  patch = (path, body) => this.#call('PATCH', path, body);

  remove = (path, body) => this.#call('DELETE', path, body);

  async download(path) {
    const response = await ask('GET', path, { bearer: await this.token() });
    return response.blob();
  }

  /** With the login, where there is one. */
  async #call(method, path, body) {
    const bearer = this.isKnown ? await this.token() : undefined;
    const response = await ask(method, path, { body, bearer });
    return response.json().catch(() => ({}));
  }

  async register(person) {
    this.#take(await post('/v1/auth/register', person));
  }

  async login(email, password) {
    this.#take(await post('/v1/auth/login', { email, password }));
  }

  /** An access token; a new one if `fresh`, or if the last one is nearly over. */
  async token({ fresh = false } = {}) {
    if (!fresh && this.#access && Date.now() < this.#expiresAt - EARLY_MS) return this.#access;
    await inTurn(() => this.#refresh());
    return this.#access;
  }

  async logout() {
    const refresh_token = localStorage.getItem(REFRESH_KEY);
    this.forgetAll();
    // Offline, the token ends by itself later; the person is logged out here in any case.
    if (refresh_token) await post('/v1/auth/logout', { refresh_token }).catch(() => {});
  }

  /** The login is over. What was written and not sent waits for the next one. */
  forget() {
    this.#access = null;
    this.user = null;
    localStorage.removeItem(REFRESH_KEY);
  }

  /** Leaves nothing of the person on the device. */
  forgetAll() {
    this.forget();
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(OUTBOX_KEY)) localStorage.removeItem(key);
    }
  }

  /** Calls back when another tab logged out. */
  onLogout(callback) {
    window.addEventListener('storage', ({ key, newValue }) => {
      if (key === REFRESH_KEY && newValue === null) callback();
    });
  }

  async #refresh() {
    // Read here, in turn: another tab may have used the one we knew.
    const refresh_token = localStorage.getItem(REFRESH_KEY);
    if (!refresh_token) throw new Problem(401, { code: 'unauthenticated' });
    this.#take(await post('/v1/auth/refresh', { refresh_token }));
  }

  #take({ access_token, expires_at, refresh_token, user }) {
    this.#access = access_token;
    this.#expiresAt = expires_at;
    this.user = user;
    localStorage.setItem(REFRESH_KEY, refresh_token);
  }
}

/** Whether an error says that the login itself has ended, and not only this attempt. */
export const isOver = (error) => error?.code === 'unauthenticated' || error?.code === 'forbidden';

/** One tab at a time, where the browser can do that (it can't on plain http). */
const inTurn = (work) =>
  navigator.locks ? navigator.locks.request('sanctuary.refresh', work) : work();

/** Unsent messages, one entry each, so that two tabs never overwrite each other's. */
export const outboxOf = (userId) => {
  const prefix = `${OUTBOX_KEY}${userId}.`;
  return {
    all: () =>
      Object.keys(localStorage)
        .filter((key) => key.startsWith(prefix))
        .map((key) => JSON.parse(localStorage.getItem(key))),
    put: (entry) => localStorage.setItem(prefix + entry.client_id, JSON.stringify(entry)),
    delete: (clientId) => localStorage.removeItem(prefix + clientId),
  };
};

/** A name for this tab that survives its reload: two tabs are two devices to the server. */
export function deviceId(make) {
  const key = 'sanctuary.device';
  if (!sessionStorage.getItem(key)) sessionStorage.setItem(key, make());
  return sessionStorage.getItem(key);
}
