// Copies the command before a button. Where the browser refuses, the command is selected instead.
for (const button of document.querySelectorAll("button.copy")) {
  const command = button.previousElementSibling;
  button.hidden = false;
  button.setAttribute("aria-label", `copy: ${command.textContent}`);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(command);
    }
  });
}
