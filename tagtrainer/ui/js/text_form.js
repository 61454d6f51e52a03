// The form of a bulk change: operation, its fields, which captions; a preview that follows while typing. view comes from text.js.
function makeTextForm(view, { onApplied }) {
  const pick = (name) => view.pick('text-' + name), texts = view.texts;
  const form = pick('form'), operation = pick('operation'), fields = pick('fields'), filter = pick('filter');
  const count = pick('count'), apply = pick('apply'), hits = pick('hits');
  const typed = new Map(); // values typed for each operation, kept while another one is looked at
  let known = [], timer = 0, busy = false, again = false, shown = 0, trigger = '';

  const current = () => known.find((one) => one.id === operation.value);
  const scopeOf = () => form.elements.vw_text_scope.value;

  const selection = () => gallerySelection(view.dataset);

  function input(field, value) {
    if (field.kind === 'check') return el('input', { type: 'checkbox', checked: value === true, name: field.name });
    if (field.kind === 'choice') {
      return el('select', { name: field.name }, field.choices.map((one) => el('option', { value: one.value, text: one.label, selected: one.value === value })));
    }
    if (field.kind === 'number') return el('input', { type: 'number', name: field.name, min: 0, max: 1000, step: 1, value });
    const box = el('input', { type: 'text', name: field.name, value, maxLength: 2000, autocomplete: 'off', spellcheck: false });
    if (field.kind === 'tag') box.setAttribute('list', 'vw_text_known');
    if (field.name === 'trigger' && trigger) box.placeholder = trigger;
    return box;
  }

  function draw() {
    const now = current(), kept = typed.get(now.id) || {};
    pick('about').textContent = now.about;
    const made = now.fields.map((field) => {
      const box = input(field, field.name in kept ? kept[field.name] : field.default);
      box.dataset.when = field.when;
      return field.kind === 'check' ? el('label', { class: 'vw-check' }, box, ' ' + field.label) : el('label', { class: 'vw-field', text: field.label }, box);
    });
    const checks = made.filter((label) => label.className === 'vw-check');
    fields.replaceChildren(...made.filter((label) => !checks.includes(label)), ...(checks.length ? [el('div', { class: 'vw-text-checks' }, checks)] : []));
    depend();
  }

  function depend() { // fields that matter only for a certain choice
    for (const box of fields.querySelectorAll('[data-when]')) {
      const [name, wanted] = box.dataset.when.split('=');
      if (wanted) box.closest('label').hidden = fields.querySelector(`[name="${name}"]`).value !== wanted;
    }
  }

  function values() {
    const found = {};
    for (const field of current().fields) {
      const box = fields.querySelector(`[name="${field.name}"]`);
      found[field.name] = field.kind === 'check' ? box.checked : field.kind === 'number' ? Math.max(0, Math.min(1000, Math.round(+box.value || 0))) : box.value;
    }
    return found;
  }

  function change() {
    const scope = { expr: scopeOf() === 'filter' ? filter.value : null };
    return { operation: operation.value, values: values(), ...(scopeOf() === 'items' ? (selection() || { scope: { items: [] } }).scope : scope) };
  }

  function scopes() {
    const chosen = selection(), radio = form.querySelector('input[value=items]');
    pick('selection').textContent = chosen && chosen.n ? fillText(texts.scope_selected, { n: chosen.n }) : texts.scope_items;
    radio.disabled = !chosen;
    if (!chosen && radio.checked) form.querySelector('input[value=all]').checked = true;
    filter.hidden = scopeOf() !== 'filter';
  }

  // One request at a time; what was typed meanwhile is asked for when it comes back, an answer to older values is not shown.
  function look(wait = 250, same = false) {
    clearTimeout(timer);
    if (!same) apply.disabled = true;
    timer = setTimeout(ask, wait);
  }
  async function ask() {
    if (busy) { again = true; return; }
    busy = true;
    const mine = ++shown, late = setTimeout(() => { count.textContent = texts.counting; }, 400);
    try {
      const found = await view.fetch('text/{dataset}/preview', { json: change() });
      if (!again && mine === shown) show(found);
    } catch (error) {
      if (!error.stale && !again) { hits.replaceChildren(); say(error.message, true); }
    } finally {
      clearTimeout(late);
      busy = false;
      if (again) { again = false; ask(); }
    }
  }

  function say(text, bad = false) {
    count.textContent = text;
    count.classList.toggle('is-bad', bad);
  }

  function show(found) {
    apply.disabled = !found.count;
    apply.textContent = found.count ? fillText(texts.apply_n, { n: found.count }) : texts.apply;
    if (found.count === null) say(fillText(texts.waiting, { total: found.total }));
    else {
      const left = found.sentences ? ' ' + fillText(texts.sentences, { n: found.sentences }) : '';
      say(fillText(found.count ? texts.would : texts.none, { count: found.count, total: found.total }) + left);
    }
    const rows = (found.hits || []).map(hit);
    if (found.count > rows.length) rows.push(el('p', { class: 'vw-note', text: fillText(texts.more, { n: found.count - rows.length }) }));
    hits.replaceChildren(...rows);
  }

  function hit({ item, parts, empty }) {
    const text = el('p', {}, parts.map(([kind, words], place) => piece(kind, words, place === 0, place === parts.length - 1)));
    if (empty) text.append(el('em', { text: texts.becomes_empty }));
    return el('article', { class: 'vw-text-hit' }, thumb(view.dataset, item), el('div', {}, el('b', { text: item.name, title: item.name }), text));
  }

  function piece(kind, words, first, last) { // long text that stays is shortened, what changes is not
    if (kind === 'old') return el('del', { text: words.slice(0, 2000) });
    if (kind === 'new') return el('ins', { text: words.slice(0, 2000) });
    const letters = Array.from(words), head = first ? 0 : 60, tail = last ? (first ? 200 : 0) : 60;
    if (letters.length <= head + tail + 20) return words;
    const before = letters.slice(0, head).join('').replace(/ \S*$/, ''), after = tail ? letters.slice(-tail).join('').replace(/^\S{0,20} /, '') : '';
    return before + ' … ' + after;
  }

  window.addEventListener('tagtrainer:selection', () => { if (view.visible) { scopes(); look(); } });
  fields.addEventListener('input', () => { typed.set(operation.value, values()); depend(); look(); });
  operation.addEventListener('change', () => { draw(); look(0); });
  form.querySelector('.vw-text-scope').addEventListener('input', () => { scopes(); look(); });
  form.addEventListener('keydown', (event) => { if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey && event.target.tagName === 'INPUT') event.preventDefault(); });
  form.addEventListener('keydown', (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !apply.disabled) { event.preventDefault(); run(); } });
  form.addEventListener('submit', (event) => { event.preventDefault(); run(); });

  async function run() {
    clearTimeout(timer);
    shown++;
    const done = await view.run(apply, () => view.fetch('text/{dataset}/apply', { json: change() }));
    if (!done) { look(0); return; }
    view.say(done.changed ? fillText(texts.done, { n: done.changed }) : texts.none_now, { undo: done.entry || null });
    onApplied();
  }

  return {
    start(found) {
      known = found.operations;
      trigger = found.trigger;
      const was = operation.value;
      operation.replaceChildren(...known.map((one) => el('option', { value: one.id, text: one.label })));
      if (was) operation.value = was;
      draw();
    },
    refresh() { scopes(); look(0, true); },
    // Another part of the view fills the form in: choose(id, values, name of the field to type in)
    choose(id, given, focus) {
      typed.set(id, { ...(typed.get(id) || {}), ...given });
      operation.value = id;
      draw();
      look(0);
      const box = focus && fields.querySelector(`[name="${focus}"]`);
      if (box) { box.focus(); box.select(); }
      form.scrollIntoView({ block: 'nearest' });
    },
    leave() { typed.clear(); fields.replaceChildren(); hits.replaceChildren(); filter.value = ''; form.querySelector('input[value=all]').checked = true; say(''); apply.disabled = true; },
  };
}
