// Token counts against a family's limit. view comes from text.js.
function makeTextTokens(view) {
  const pick = (name) => view.pick('text-' + name), texts = view.texts;
  const family = pick('family'), longest = pick('longest'), over = pick('over'), folder = pick('folder');
  let families = [], mine = 0;

  async function load() {
    const current = ++mine;
    if (!family.value) return;
    longest.textContent = longest.textContent || texts.counting;
    try {
      const found = await view.fetch('text/{dataset}/tokens?' + new URLSearchParams({ family: family.value }));
      if (current === mine) draw(found);
    } catch (error) {
      if (!error.stale && current === mine) { longest.textContent = error.message; over.replaceChildren(); }
    }
  }

  function draw(found) {
    const values = { longest: found.longest.toLocaleString(), mean: Math.round(found.mean).toLocaleString(), limit: found.limit === null ? '–' : found.limit.toLocaleString(), name: found.name,
      family: family.selectedOptions[0].textContent };
    const first = found.captions ? fillText(found.exact ? texts.tokens_exact : texts.tokens_about, values) : texts.tokens_none;
    const second = !found.captions || found.limit === null ? '' : found.count ? fillText(texts.tokens_over, { ...values, n: found.count.toLocaleString() }) : fillText(texts.tokens_fit, values);
    longest.replaceChildren(el('span', { text: first }), ' ', el('span', { class: found.count ? 'is-bad' : '', text: second }));
    longest.title = found.exact ? found.name : '';
    over.replaceChildren(...found.over.map((item) => el('div', { class: 'vw-text-long' }, thumb(view.dataset, item), el('b', { text: item.name, title: item.name }),
      el('span', { text: fillText(found.exact ? texts.n_tokens : texts.about_n_tokens, { n: item.tokens.toLocaleString() }) }))));
    if (found.count > found.over.length) over.append(el('p', { class: 'vw-note', text: fillText(texts.more, { n: found.count - found.over.length }) }));
  }

  const fill = () => { folder.value = (families.find((one) => one.id === family.value) || {}).tokenizer || ''; };
  family.addEventListener('change', () => { fill(); load(); });
  pick('folder-go').addEventListener('click', (event) => view.run(event.target, async () => {
    const wanted = { family: family.value, path: folder.value.trim() };
    await view.fetch('text/{dataset}/tokenizer', { json: wanted });
    const known = families.find((one) => one.id === wanted.family);
    if (known) known.tokenizer = wanted.path;
    await load();
  }));

  return {
    start(found) {
      families = found.families;
      const was = family.value;
      family.replaceChildren(...families.map((one) => el('option', { value: one.id, text: one.name })));
      if (was) family.value = was;
      family.hidden = families.length < 2;
      fill();
    },
    refresh: load,
    leave() { longest.textContent = ''; over.replaceChildren(); },
  };
}
