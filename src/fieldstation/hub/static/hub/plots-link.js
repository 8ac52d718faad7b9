// The page that shows a new share link: one press copies it.

const at = (id) => document.getElementById(id);

if (navigator.clipboard) {
  at("copy").hidden = false;
  at("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(at("link").value);
    at("copy").textContent = at("copy").dataset.done;
  });
}
for (const field of [at("link"), at("picture-link")]) field.addEventListener("focus", () => field.select());
