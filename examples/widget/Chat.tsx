// React: `npm install` the packed @kefu/widget, and put <Chat member={user?.id} /> into the application.
import { load, type Kefu } from "@kefu/widget";
import { useEffect, useRef, useState } from "react";

const getToken = async () => (await fetch("/chat-token")).text();

export function Chat({ member }: { member?: string }) {
  const [kefu, setKefu] = useState<Kefu>();
  const [unread, setUnread] = useState(0);
  const known = useRef<string>(undefined);

  useEffect(() => {
    // Strict mode runs effects twice, and a page may be left soon: the component may be gone before the script is here.
    const end = new AbortController();
    let loaded: Kefu | undefined;
    load({
      server: "https://kefu.example",
      key: "wk_…",
      signal: end.signal,
    }).then(
      (it) => {
        loaded = it;
        it.on("unread", setUnread);
        setKefu(it);
      },
      (error) => {
        if (!end.signal.aborted) console.error(error);
      },
    );
    return () => {
      end.abort();
      loaded?.destroy();
    };
  }, []);

  useEffect(() => {
    if (member) kefu?.identify({ getToken });
    else if (known.current) kefu?.logout();
    known.current = member;
  }, [kefu, member]);

  return (
    <button type="button" onClick={() => kefu?.open()}>
      Talk to us{unread > 0 && ` (${unread})`}
    </button>
  );
}
