/**
 * Web push on this device: only after a click, and gone with the logout. The subscription is the
 * browser's; the server gives the same endpoint for it again, so nothing is kept here.
 */

const WORKER = '/push-worker.js';

export const canPush = () =>
  'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

/** `on`, `off`, `denied` (by the browser's settings) or `cannot`. */
export async function pushState() {
  if (!canPush()) return 'cannot';
  if (Notification.permission === 'denied') return 'denied';
  return (await subscription()) ? 'on' : 'off';
}

export async function pushOn(client) {
  const permission = await Notification.requestPermission();
  if (permission !== 'granted') return permission === 'denied' ? 'denied' : 'off';
  const response = await fetch('/v1/push/vapid');
  if (!response.ok) throw Object.assign(new Error(), { code: 'unavailable' });
  const { public_key } = await response.json();
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: public_key };
  let made;
  try {
    made = await pushManager.subscribe(options);
  } catch (error) {
    // One with an older key of the server's is in the way.
    const old = await pushManager.getSubscription();
    if (!old) throw error;
    await old.unsubscribe();
    made = await pushManager.subscribe(options);
  }
  await register(client, made);
  return 'on';
}

export async function pushOff(client) {
  const old = await subscription();
  if (old) {
    const { endpoint_id } = await register(client, old);
    await client.call('push.unregister', { endpoint_id }, { retry: true });
  }
  await forgetPush();
  return 'off';
}

/** Leaves nothing on the device; the server notices that the endpoint is dead. */
export async function forgetPush() {
  if (!canPush()) return;
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  const old = await registration?.pushManager.getSubscription();
  await old?.unsubscribe();
  await registration?.unregister();
}

/** Calls back with the link of a notice that was touched. */
export function onTouched(callback, signal) {
  if (!canPush()) return;
  navigator.serviceWorker.addEventListener(
    'message',
    ({ data }) => {
      if (typeof data?.link === 'string') callback(data.link);
    },
    { signal },
  );
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

function register(client, made) {
  const { endpoint, keys } = made.toJSON();
  const params = { kind: 'web', endpoint, p256dh: keys.p256dh, auth: keys.auth };
  return client.call('push.register', params, { retry: true });
}
