// Only views that make sense for the kind of dataset have a sub-tab. props.value = {kind, kinds: {elem_id: [kind, ...]}}.
const rules = element.querySelector('style');
function fit() {
  const { kind, kinds } = props.value || {};
  if (!kinds) return;
  const hidden = Object.keys(kinds).filter((id) => !kinds[id].includes(kind));
  rules.textContent = hidden.map((id) => `#${id}-button { display: none !important; }`).join('\n');
  const open = hidden.map((id) => document.getElementById(id + '-button')).find((tab) => tab && tab.getAttribute('aria-selected') === 'true');
  if (open) document.getElementById('view_pictures-button').click();
}
watch('value', fit);
fit();
