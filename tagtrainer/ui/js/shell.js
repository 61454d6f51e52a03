// Heading: language and light/dark switches; notices about the settings; the tab that was open before a reload.
const nav = element.querySelector('nav'), notices = element.querySelector('.tt-notices');
const { others, texts } = props.value;

function button(text, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', act);
  return made;
}

for (const { code, name } of others) {
  const made = button(name, async () => {
    await tagtrainer.fetchJson('language', { json: { language: code } }).catch(() => {});
    location.href = tagtrainer.root + code + '/' + location.search;
  });
  made.lang = code;
  nav.append(made);
}
nav.append(button(texts.theme, () => {
  const dark = document.body.classList.toggle('dark');
  localStorage.setItem('tagtrainer.theme', dark ? 'dark' : 'light');
}));
const chosen = localStorage.getItem('tagtrainer.theme');
if (chosen && !new URLSearchParams(location.search).has('__theme')) document.body.classList.toggle('dark', chosen === 'dark');

function show(list) {
  notices.replaceChildren(...list.map(({ id, text }) => {
    const line = document.createElement('div'), words = document.createElement('span');
    words.textContent = text;
    line.append(words, button(texts.dismiss, async () => {
      show((await tagtrainer.fetchJson('notices/dismiss', { json: { id } })).notices);
    }));
    return line;
  }));
}
tagtrainer.fetchJson('shell').then((data) => {
  show(data.notices);
  if (data.log_out) {
    nav.append(button(texts.log_out, async () => {
      await fetch(tagtrainer.url('logout'), { method: 'POST' });
      location.href = tagtrainer.root;
    }));
  }
}).catch(() => {});

// Which tab (and which view of a dataset) was open: remembered per browser tab, opened again after a reload.
const remembered = sessionStorage.getItem('tagtrainer.tab'), view = sessionStorage.getItem('tagtrainer.view');
document.addEventListener('click', (event) => {
  const tab = event.target.closest('button[role=tab]');
  if (tab && tab.id.startsWith('tab_')) sessionStorage.setItem('tagtrainer.tab', tab.id);
  if (tab && tab.id.startsWith('view_')) sessionStorage.setItem('tagtrainer.view', tab.id);
});
// Left, Right, Home and End go from tab to tab, as everywhere else.
document.addEventListener('keydown', (event) => {
  const tab = event.target.closest && event.target.closest('[role=tab]');
  if (!tab || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...tab.closest('[role=tablist]').querySelectorAll('[role=tab]')].filter((each) => each.offsetWidth), at = all.indexOf(tab);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all.at(to % all.length).focus();
});
for (const [key, wanted] of [['tagtrainer.tab', remembered], ['tagtrainer.view', view]]) {
  let tries = 400; // 20 s: a slow machine; a click meanwhile counts more
  const open = () => {
    if (sessionStorage.getItem(key) !== wanted) return;
    const tab = document.getElementById(wanted);
    if (tab) { if (tab.getAttribute('aria-selected') !== 'true') tab.click(); }
    else if (tries-- > 0) setTimeout(open, 50);
  };
  if (wanted) open();
}
