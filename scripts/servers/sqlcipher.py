"""sqlcipher.py write FILE MODE | check FILE: each transaction writes the same bytes twice."""
import os
import sys

import sqlcipher3


def opened(path):
    database = sqlcipher3.connect(path, isolation_level=None, timeout=60)
    database.execute("pragma key = 'horse'")
    return database


def write(path, mode):
    database = opened(path)
    assert database.execute(f"pragma journal_mode = {mode}").fetchall() == [(mode,)]
    database.execute("create table entry (number integer primary key, one blob, two blob)")
    turn = 0
    while True:
        turn += 1
        text = os.urandom(2000)
        database.execute("begin immediate")
        database.execute("insert into entry (one, two) values (?, zeroblob(2000))", (text,))
        database.execute("update entry set two = one where number = last_insert_rowid()")
        if turn % 7 == 0:
            database.execute("delete from entry where number = (select min(number) from entry)")
        database.execute("commit")
        if turn == 500:
            print("ready", flush=True)


def check(path):
    with open(path, "rb") as file:
        assert file.read(15) != b"SQLite format 3", "its pages are in clear"
    database = opened(path)
    assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert database.execute("pragma cipher_integrity_check").fetchall() == []
    count, torn = database.execute("select count(*), sum(one != two) from entry").fetchone()
    assert count > 400 and torn == 0, (count, torn)
    print(count)


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](*sys.argv[2:])
