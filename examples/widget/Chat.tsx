// React: `npm install` the packed @kefu/widget, and put <Chat member={user?.id} /> into the application.
import { load, type Kefu } from '@kefu/widget'
import { useEffect, useRef, useState } from 'react'

const getToken = async () => (await fetch('/chat-token')).text()

export function Chat({ member }: { member?: string }) {
  const [kefu, setKefu] = useState<Kefu>()
  const [unread, setUnread] = useState(0)
  const known = useRef<string>(undefined)

  useEffect(() => {
    let gone = false
    let loaded: Kefu | undefined
    void load({ server: 'https://kefu.example', key: 'wk_…' }).then((it) => {
      // Strict mode runs effects twice: the first one may end before the script is here.
      if (gone) return
      loaded = it
      it.on('unread', setUnread)
      setKefu(it)
    })
    return () => {
      gone = true
      loaded?.destroy()
    }
  }, [])

  useEffect(() => {
    if (member) kefu?.identify({ getToken })
    else if (known.current) kefu?.logout()
    known.current = member
  }, [kefu, member])

  return (
    <button type="button" onClick={() => kefu?.open()}>
      Talk to us{unread > 0 && ` (${unread})`}
    </button>
  )
}
