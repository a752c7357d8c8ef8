/** Dark enough for white letters (4.5:1 and more). */
const COLOURS = ['#b4541a', '#2563a8', '#6941c6', '#0e7a6b', '#b83268', '#56607a', '#85600f', '#3d7529']

/** A picture, or the initial of a name in the colour of its id; the site itself has none. */
export function Avatar({ name, url, id }: { name: string; url: string | null | undefined; id?: number }) {
  if (url) return <img class="avatar" src={url} alt="" />
  const [first = '?', second] = Array.from(name.trim())
  // A Chinese name of address, such as 小艾, is known by its second character.
  const initial = second && '小老阿'.includes(first) ? second : first
  return (
    <span
      class={id ? 'avatar' : 'avatar brand'}
      aria-hidden="true"
      style={id ? { background: COLOURS[id % COLOURS.length] } : {}}
    >
      {initial.toUpperCase()}
    </span>
  )
}
