// How the batch of a dataset stands: polled from its files, so a reload, a second tab and a restart of the app show the same.
const { texts } = props, part = (name) => element.querySelector('.cp-' + name);
const todo = part('todo'), job = part('job'), title = element.querySelector('.cp-head b'), clockText = part('clock'), bar = element.querySelector('progress');
const note = part('note'), why = part('why'), errors = part('errors'), stop = part('stop'), again = part('again'), look = part('look');
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
const clock = (s) => (s >= 3600 ? Math.floor(s / 3600) + ':' + String(Math.floor(s / 60) % 60).padStart(2, '0') : Math.floor(s / 60)) + ':' + String(s % 60).padStart(2, '0');
let dataset = '', task = '', run = 0, status = '', drawn = '', last = null;
stop.textContent = texts.stop;
look.textContent = texts.look;

function active() { return status === 'queued' || status === 'running'; }

function headline(view) {
  if (view.status === 'queued') return texts.queued;
  if (view.status === 'running') return fill(texts.running, { profile: view.profile });
  if (view.status === 'completed') return fill(view.error_count ? texts.some_failed : texts.completed, { profile: view.profile });
  return fill(view.status === 'stopped' ? texts.stopped : texts.failed, { profile: view.profile });
}

function counts(view) {
  if (view.stopping) return texts.stopping;
  if (active()) return view.status === 'running' ? view.note : '';
  const said = [];
  if (view.done !== null) said.push(fill(texts.done, { n: view.done }));
  if (view.skipped) said.push(fill(texts.skipped, { n: view.skipped }));
  return said.join(texts.comma);
}

// What pressing Start would do; while a batch runs, only how things stand.
function outlook(view) {
  const values = { n: view.count - view.captioned, count: view.count, captioned: view.captioned };
  if (!view.count) return texts.no_pictures;
  const mode = ['missing', 'replace', 'append'][[...document.querySelectorAll('#captioning_mode input')].findIndex((each) => each.checked)];
  if (!active() && view.captioned && (mode === 'replace' || mode === 'append')) return fill(texts['will_' + mode], values);
  if (values.n) return fill(texts.todo, values);
  return fill(active() ? texts.all_have : texts.none_left, values);
}

function times(view) {
  const said = [];
  if (view.status === 'running' && view.total) said.push(fill(texts.of, { n: view.n, total: view.total }));
  if (view.status !== 'queued') said.push(clock(view.seconds));
  if (view.eta !== null && view.n) said.push(fill(texts.eta, { clock: clock(view.eta) }));
  return said.join(' · ');
}

function list(view) {
  errors.hidden = !view.error_count;
  errors.querySelector('summary').textContent = fill(texts.errors, { n: view.error_count });
  const key = view.task + view.errors.length + (view.errors.at(-1)?.item ?? '');
  if (key === drawn) return;
  drawn = key;
  errors.querySelector('tbody').replaceChildren(...view.errors.map((row) => {
    const line = document.createElement('tr');
    for (const text of [row.name, row.reason]) line.append(Object.assign(document.createElement('td'), { textContent: text }));
    return line;
  }));
}

function show(view) {
  const was = active();
  job.hidden = !view.task;
  [task, status, last] = [view.task, view.status || '', view];
  todo.textContent = outlook(view);
  const button = document.querySelector('#captioning_start');
  if (button) button.classList.toggle('cp-off', active());
  if (was && !active()) document.dispatchEvent(new CustomEvent('tagtrainer:captions', { detail: dataset }));
  if (!view.task) return;
  job.dataset.status = view.error_count && view.status === 'completed' ? 'partly' : view.status;
  title.textContent = headline(view);
  clockText.textContent = times(view);
  note.textContent = counts(view);
  why.textContent = view.reason;
  bar.hidden = !active();
  if (view.status === 'running' && view.total) { bar.max = view.total; bar.value = view.n; } else bar.removeAttribute('value');
  stop.hidden = !active() || view.stopping;
  again.hidden = active() || (view.status === 'completed' && !view.error_count);
  again.textContent = view.error_count && view.status === 'completed' ? texts.retry : texts.go_on;
  look.hidden = active();
  list(view);
}

async function poll(mine) {
  while (mine === run && dataset) {
    const seen = element.offsetParent !== null && !document.hidden;
    if (seen) {
      try {
        const query = active() && task ? '?task=' + encodeURIComponent(task) : '';
        const view = await tagtrainer.fetchJson('captioning/' + encodeURIComponent(dataset) + query);
        if (mine !== run) return;
        show(view);
      } catch (error) {
        if (mine !== run) return;
        if (error.status) { todo.textContent = error.message; job.hidden = true; task = status = ''; }
      }
    }
    const wait = active() || !seen ? 1000 : 4000;
    await new Promise((go) => setTimeout(go, wait));
  }
}

async function act(name) {
  try { await tagtrainer.fetchJson(`captioning/${encodeURIComponent(dataset)}/${name}/${encodeURIComponent(task)}`, { json: {} }); }
  catch (error) { note.textContent = error.message; return; }
  poll(++run);
}

function apply() {
  const wanted = props.value?.dataset || '';
  if (wanted !== dataset) { task = status = drawn = ''; last = null; job.hidden = true; todo.textContent = ''; }
  dataset = wanted;
  status = '';
  if (dataset) {
    sessionStorage.setItem('tagtrainer.dataset', dataset);
    poll(++run);
  } else { run++; job.hidden = true; todo.textContent = texts.no_dataset; }
}

document.addEventListener('change', (event) => { if (last && event.target.closest?.('#captioning_mode')) todo.textContent = outlook(last); });
stop.addEventListener('click', () => act('stop'));
again.addEventListener('click', () => act('again'));
look.addEventListener('click', () => document.querySelector('#tab_datasets-button')?.click());
watch('value', apply);
apply();
