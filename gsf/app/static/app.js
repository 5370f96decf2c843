// Without this script the form works as it is: it adds dropping anywhere, sending at once, and a word while one waits.
"use strict";
const form = document.getElementById("ask");
if (form) {
  const input = form.elements.video, state = document.getElementById("state");
  const most = Number(form.dataset.most);
  const wait = () => { state.textContent = "Decoding, and looking at it ..."; };
  const send = () => {
    const file = input.files[0];
    if (!file) return;
    if (file.size > most * 2 ** 20) {
      state.textContent = `${file.name} has ${Math.ceil(file.size / 2 ** 20)} MB, must have at most ${most}.`;
      input.value = "";
      return;
    }
    form.requestSubmit();
  };
  input.addEventListener("change", send);
  for (const one of document.forms) one.addEventListener("submit", wait);
  document.addEventListener("dragover", event => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("over"));
  document.addEventListener("drop", event => {
    event.preventDefault();
    document.body.classList.remove("over");
    if (event.dataTransfer.files.length !== 1) return;
    input.files = event.dataTransfer.files;
    send();
  });
  window.addEventListener("pageshow", () => { state.textContent = ""; });
}
