(() => {
  const line = document.getElementById("line");
  const button = document.getElementById("copy");
  const said = document.getElementById("said");
  let timer;

  // What is copied is one line, however it is broken on the screen: a shell would run two.
  line.addEventListener("copy", (event) => {
    event.clipboardData.setData("text/plain", line.textContent);
    event.preventDefault();
  });

  // Pages that came over plain HTTP have no clipboard but this.
  const copySelected = () => {
    const range = document.createRange();
    range.selectNodeContents(line);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    const copied = document.execCommand("copy");
    if (copied) selection.removeAllRanges();
    return copied;
  };
  const copy = async () => {
    if (!navigator.clipboard) return copySelected();
    try {
      await navigator.clipboard.writeText(line.textContent);
      return true;
    } catch {
      return copySelected();
    }
  };
  button.addEventListener("click", async () => {
    const copied = await copy();
    button.classList.toggle("done", copied);
    said.textContent = copied ? "Copied" : "Selected: copy it by hand";
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.classList.remove("done");
      said.textContent = "";
    }, 2000);
  });
  button.hidden = false;
})();
