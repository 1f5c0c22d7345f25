/** Elements of the page. Text goes in as text nodes only, so no one's words can become markup. */

/** `on…` attributes are listeners; `true` and `false` set and leave out; null children too. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...present(children));
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

const present = (children) =>
  children.flat().filter((child) => child !== null && child !== undefined && child !== false);

let fields = 0;

/** A labelled input, select or textarea, with a hint that screen readers read too. */
export function field(label, input, hint) {
  fields += 1;
  input.id = `field-${fields}`;
  if (hint) input.setAttribute('aria-describedby', `hint-${fields}`);
  return el(
    'div',
    { class: 'field' },
    el('label', { for: input.id }, label),
    input,
    hint ? el('p', { class: 'hint', id: `hint-${fields}` }, hint) : null,
  );
}

/** A form that is busy while it works and shows what went wrong. */
export function form({ fields: inside, submit, busy, onsubmit, sorry }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const button = el('button', { class: 'primary' }, submit);
  return el(
    'form',
    {
      class: 'form',
      novalidate: true,
      async onsubmit(event) {
        event.preventDefault();
        problem.textContent = '';
        button.disabled = true;
        if (busy) button.textContent = busy;
        try {
          await onsubmit(event.target);
        } catch (error) {
          problem.textContent = sorry(error);
        } finally {
          button.disabled = false;
          button.textContent = submit;
        }
      },
    },
    ...inside,
    problem,
    button,
  );
}

/** Asks before something that can't be undone. Resolves to the words, or null for no. */
export function ask({ question, yes, no, note }) {
  return new Promise((resolve) => {
    const text = note ? el('textarea', { rows: 3, maxlength: 4_000 }) : null;
    const dialog = el(
      'dialog',
      { class: 'ask', onclose: () => finish() },
      el(
        'form',
        { method: 'dialog' },
        el('p', {}, question),
        text ? field(note, text) : null,
        el(
          'div',
          { class: 'row end' },
          el('button', { value: 'no' }, no),
          el('button', { value: 'yes', class: 'primary' }, yes),
        ),
      ),
    );
    const finish = () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes' ? (text?.value.trim() ?? '') : null);
    };
    document.body.append(dialog);
    dialog.showModal();
  });
}

const SVG = 'http://www.w3.org/2000/svg';
const ICONS = {
  bell: 'M12 3.5a5.5 5.5 0 0 0-5.5 5.5c0 4.5-1.8 6.2-2.5 7h16c-.7-.8-2.5-2.5-2.5-7A5.5 5.5 0 0 0 12 3.5ZM10 19a2.1 2.1 0 0 0 4 0',
};

/** A drawing of lines, which says nothing to those who listen. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}
