"""Fills an SQLite database of a stopped service quickly, by copies of rows that the service has written.

    clone.py <database> conversations <count> <first user id>   copies the newest member with the conversation and message
    clone.py <database> messages <count>                        copies the newest message within its conversation
"""

import sqlite3
import sys
from datetime import datetime, timedelta

IDS = 10_000_000
TIME = "%Y-%m-%d %H:%M:%S.%f"


def newest(database, table):
    return dict(database.execute(f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1").fetchone())


def shifted(time, milliseconds):
    return (datetime.strptime(time, TIME) + timedelta(milliseconds=milliseconds)).strftime(TIME)[:-3]


def insert(database, table, rows):
    names = list(rows[0])
    marks = ", ".join("?" * len(names))
    values = ([row[name] for name in names] for row in rows)
    database.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)


def conversations(database, count, first):
    member, conversation, message = (newest(database, f"kefu_{name}") for name in ("member", "conversation", "message"))
    members, rows, messages = [], [], []
    for index in range(count):
        user, number = first + index, IDS + index
        time = shifted(conversation["last_message_time"], -1 - index)
        members.append(member | {"id": number, "user_id": user, "external_id": str(user), "nickname": f"M{user}"})
        rows.append(conversation | {"id": number, "user_id": user, "last_message_time": time, "create_time": time})
        messages.append(message | {"id": number, "conversation_id": number, "sender_id": user, "create_time": time})
    for table, copies in (("member", members), ("conversation", rows), ("message", messages)):
        insert(database, f"kefu_{table}", copies)


def lines(database, count):
    message = newest(database, "kefu_message")
    rows = [
        message
        | {
            "id": 2 * IDS + number,
            "seq": message["seq"] + number,
            "content": f'{{"text":"line {message["seq"] + number}"}}',
            "create_time": shifted(message["create_time"], number),
        }
        for number in range(1, count + 1)
    ]
    insert(database, "kefu_message", rows)
    last = rows[-1]
    database.execute(
        "UPDATE kefu_conversation SET last_seq = ?, last_message_time = ?, last_message_content = ?, "
        "admin_unread_message_count = admin_unread_message_count + ? WHERE id = ?",
        (last["seq"], last["create_time"], last["content"], count, message["conversation_id"]),
    )


def main():
    _, path, what, *numbers = sys.argv
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    with database:
        {"conversations": conversations, "messages": lines}[what](database, *map(int, numbers))
        database.execute(
            "UPDATE kefu_id_block SET next_id = max(next_id, ?) WHERE name IN ('member', 'conversation', 'message')",
            (3 * IDS,),
        )
    database.close()


main()
