/** What has failed, and a button that tries again. */
export function Fault({ text, action, onClick }: { text: string; action: string; onClick: () => void }) {
  return (
    <span class="note fault" role="alert">
      {text}{' '}
      <button class="textual" onClick={onClick}>
        {action}
      </button>
    </span>
  )
}
