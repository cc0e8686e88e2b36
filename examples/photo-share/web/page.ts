/** A page to upload by hand and watch: `npm run demo -- --keep`. */
import type { App } from '../app/app.js'
import { transaction } from '../app/database.js'
import type { Routes } from './http.js'

const ALBUM = 'by-hand'

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Photo Share</title>
<link rel="icon" href="data:,">
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  li { display: flex; gap: 1rem; align-items: center; margin: .5rem 0 }
  img { width: 5rem; height: 5rem; object-fit: cover; border-radius: .5rem; background: #eee }
  code { color: #666 }
</style>
<h1>Photo Share</h1>
<p>Pick pictures. Each is accepted at once; its status comes from <code>GET /status/…</code> while workers make the versions.</p>
<input id="files" type="file" accept="image/jpeg,image/png,image/webp" multiple aria-label="Pictures">
<ul id="list" style="list-style: none; padding: 0" aria-live="polite"></ul>
<script type="module">
  const ENDED = ['completed', 'failed', 'cancelled']
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

  async function follow(file) {
    const item = document.createElement('li')
    const picture = document.createElement('img')
    picture.alt = ''
    const text = document.createElement('span')
    item.append(picture, text)
    document.querySelector('#list').prepend(item)
    const startedAt = performance.now()
    const answer = await fetch('/albums/${ALBUM}/photos', { method: 'POST', headers: { 'idempotency-key': crypto.randomUUID() }, body: file })
    const acceptedMs = Math.round(performance.now() - startedAt)
    if (answer.status !== 202) return (text.textContent = file.name + ': ' + (await answer.json()).error)
    for (;;) {
      const job = await (await fetch(answer.headers.get('location'))).json()
      text.textContent = file.name + ' · accepted in ' + acceptedMs + ' ms · ' + job.state
      if (job.state === 'completed') picture.src = job.result.url
      if (ENDED.includes(job.state)) return
      await wait(200)
    }
  }

  document.querySelector('#files').addEventListener('change', ({ target }) => {
    for (const file of target.files) follow(file)
    target.value = ''
  })
</script>
</html>
`

export async function pageRoutes({ database }: App): Promise<Routes> {
  await transaction(database, () => {
    database.prepare("INSERT OR IGNORE INTO users (id, name, email, newsletter) VALUES (?, 'You', 'you@example.test', 0)").run(ALBUM)
    database.prepare("INSERT OR IGNORE INTO albums (id, owner_id, title) VALUES (?, ?, 'Photos by hand')").run(ALBUM, ALBUM)
  })
  return { 'GET /': () => ({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: PAGE }) }
}
