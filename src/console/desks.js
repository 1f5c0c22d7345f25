/** Which desks' boards are listened to: by the board on the page, and by offers while they stand. */

export class Desks {
  #client;
  #counts = new Map();

  constructor(client) {
    this.#client = client;
  }

  /** Resolves once signals come. */
  async watch(deskId) {
    const count = this.#counts.get(deskId) ?? 0;
    this.#counts.set(deskId, count + 1);
    if (count === 0) await this.#client.subscribe(`desk:${deskId}`);
  }

  unwatch(deskId) {
    const count = this.#counts.get(deskId) ?? 0;
    this.#counts.set(deskId, Math.max(0, count - 1));
    if (count === 1) this.#client.unsubscribe(`desk:${deskId}`).catch(() => {});
  }
}
