/**
 * Shows pushes while the page is closed. It caches nothing and answers no request of the page's;
 * what it is told holds no word of a message.
 */

const NAME = 'Sanctuary';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('push', (event) => {
  let letter = {};
  try {
    letter = event.data?.json() ?? {};
  } catch {
    // Not ours; a push without words is shown as well, since browsers ask for it.
  }
  event.waitUntil(
    self.registration.showNotification(NAME, {
      body: letter.text ?? '',
      tag: letter.id,
      icon: '/favicon.svg',
      data: { link: letter.link ?? '' },
    }),
  );
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.link));
});

/** In the window that is there, or in a new one. */
async function open(link) {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const [page] = windows;
  if (page) {
    await page.focus();
    page.postMessage({ link });
    return;
  }
  await self.clients.openWindow(`/#/go/${encodeURIComponent(link)}`);
}
