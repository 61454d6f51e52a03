// What the grid looks at: search, filter panel, sorting, chips. makeLooking(root, {texts, onChange(what)})
function makeLooking(root, options) {
  const find = (name) => root.querySelector('.gl-' + name), texts = options.texts;
  const search = find('search'), panel = find('panel'), button = find('filter'), hint = find('hint'), chips = find('chips');
  const sort = find('sort'), way = find('way'), about = find('about');
  const fields = {
    no_caption: find('f-caption'), flagged: find('f-flagged'), media: find('f-media'), aspect: find('f-aspect'),
    min_side: find('f-min'), max_side: find('f-max'), tag: find('f-tag'),
  };
  let typing = 0;

  function rules() {
    const found = {};
    for (const [name, field] of Object.entries(fields)) if (field.value.trim()) found[name] = field.value.trim();
    for (const name of ['min_side', 'max_side']) if (name in found) found[name] = Math.max(0, Math.min(999999, Math.round(+found[name]) || 0));
    return found;
  }

  function look() {
    const found = { text: search.value.trim(), ...rules() };
    if (sort.value !== 'name' || way.dataset.down) Object.assign(found, { sort: sort.value, descending: !!way.dataset.down });
    return found;
  }

  function words(name, value) {
    const field = fields[name];
    if (field.tagName === 'SELECT') return field.selectedOptions[0].textContent;
    return fillText(texts['chip_' + name], { value });
  }

  function draw() {
    const found = rules(), names = Object.keys(found);
    button.textContent = names.length ? fillText(texts.filter_on, { n: names.length }) : texts.filter;
    button.classList.toggle('is-on', names.length > 0);
    chips.replaceChildren(...names.map((name) => {
      const chip = document.createElement('span'), off = document.createElement('button');
      chip.className = 'gl-chip';
      chip.dataset.rule = name;
      chip.append(words(name, found[name]), off);
      off.type = 'button';
      off.textContent = '×';
      off.setAttribute('aria-label', fillText(texts.chip_off, { rule: words(name, found[name]) }));
      off.addEventListener('click', () => { fields[name].value = ''; changed('filter'); });
      return chip;
    }));
    way.textContent = way.dataset.down ? '↓' : '↑';
    way.title = way.dataset.down ? texts.down : texts.up;
    way.setAttribute('aria-label', way.title);
  }

  function changed(what) {
    clearTimeout(typing);
    draw();
    options.onChange(what);
  }

  function show(box, opener, on) {
    box.hidden = !on;
    opener.setAttribute('aria-expanded', on);
  }

  for (const field of Object.values(fields)) {
    field.addEventListener(field.tagName === 'SELECT' ? 'change' : 'input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => changed('filter'), field.tagName === 'SELECT' ? 0 : 300);
    });
  }
  find('f-none').addEventListener('click', () => { clear(); changed('filter'); });
  search.addEventListener('input', () => { clearTimeout(typing); typing = setTimeout(() => changed('search'), 250); });
  sort.addEventListener('change', () => changed('sort'));
  way.addEventListener('click', () => { way.dataset.down = way.dataset.down ? '' : '1'; changed('sort'); });
  button.addEventListener('click', () => { show(panel, button, panel.hidden); show(hint, about, false); });
  about.addEventListener('click', () => { show(hint, about, hint.hidden); show(panel, button, false); });
  document.addEventListener('mousedown', (event) => {
    for (const [box, opener] of [[panel, button], [hint, about]]) {
      if (!box.hidden && !box.contains(event.target) && event.target !== opener) show(box, opener, false);
    }
  });
  root.addEventListener('keydown', (event) => {
    for (const [box, opener] of [[panel, button], [hint, about]]) {
      if (event.key === 'Escape' && !box.hidden) { show(box, opener, false); opener.focus(); event.stopPropagation(); }
    }
  }, true);
  function clear() { for (const field of Object.values(fields)) field.value = ''; }
  draw();

  return {
    look,
    get filtered() { return search.value.trim() !== '' || Object.keys(rules()).length > 0; },
    // Whether an edit cannot change which places hold which pictures.
    get stable() { return !this.filtered && ['name', 'added'].includes(sort.value); },
    focus() { search.focus(); search.select(); },
    reset() { clear(); search.value = ''; sort.value = 'name'; way.dataset.down = ''; draw(); },
    // Rules as the server takes an expression apart.
    set(found) {
      clear();
      search.value = found.text || '';
      for (const [name, field] of Object.entries(fields)) {
        const value = found[name];
        if (value !== null && value !== undefined && value !== 0 && value !== '') field.value = String(value);
      }
      sort.value = found.sort || 'name';
      way.dataset.down = found.descending ? '1' : '';
      draw();
    },
  };
}
