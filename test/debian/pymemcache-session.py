"""One session of Debian's python3-pymemcache with the server whose port is the argument.

With a second argument, the file of an authority, all of it goes over TLS.
"""

import socket
import ssl
import sys
import time

from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheClientError

ADDRESS = ("localhost" if len(sys.argv) > 2 else "127.0.0.1", int(sys.argv[1]))
TLS = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else None


def connect():
    raw = socket.create_connection(ADDRESS)
    return raw if TLS is None else TLS.wrap_socket(raw, server_hostname="localhost")


def same(actual, expected, what):
    assert actual == expected, f"{what}: {actual!r} is not {expected!r}"


def storage(client):
    for value in (b"", b"text", b"\r\nEND\r\n\0\xff", b"x" * 900_000):
        same(client.set("value", value), True, "set")
        same(client.get("value"), value, "get")
    same(client.add("value", b"other"), False, "add over an item")
    same(client.delete("value"), True, "delete")
    same(client.delete("value"), False, "delete again")
    same(client.add("value", b"b"), True, "add")
    same(client.append("value", b"c"), True, "append")
    same(client.prepend("value", b"a"), True, "prepend")
    same(client.get("value"), b"abc", "get after append and prepend")
    same(client.replace("value", b"r"), True, "replace")
    same(client.replace("none", b"r"), False, "replace of nothing")
    same(client.set("flags", b"1", flags=4294967295), True, "set with flags")
    try:
        client.set("large", b"x" * (1 << 20))
    except Exception as error:  # the class differs between versions of the client
        same("too large" in str(error), True, "error of too large a value")
    else:
        raise AssertionError("a value of 1 MiB was stored")
    same(client.get("value"), b"r", "get after an error")


def many(client):
    values = {f"many{index}": f"value {index}".encode() for index in range(500)}
    same(client.set_many(values), [], "set_many")
    same(client.get_many([*values, "many-none"]), values, "get_many")
    same({key: value for key, (value, _) in client.gets_many(values).items()}, values, "gets_many")
    same(client.delete_many(list(values)), True, "delete_many")
    same(client.get_many(values), {}, "get_many after delete_many")


def uniques(client):
    client.set("cas", b"one")
    value, unique = client.gets("cas")
    same(value, b"one", "gets")
    same(client.cas("cas", b"two", unique), True, "cas")
    same(client.cas("cas", b"three", unique), False, "cas with an old unique")
    same(client.cas("none", b"x", unique), None, "cas of nothing")
    same(client.get("cas"), b"two", "get after cas")


def counters(client):
    client.set("count", b"10")
    same(client.incr("count", 5), 15, "incr")
    same(client.decr("count", 20), 0, "decr")
    same(client.incr("none", 1), None, "incr of nothing")
    client.set("count", b"18446744073709551615")
    same(client.incr("count", 1), 0, "incr beyond 64 bits")
    client.set("count", b"text")
    try:
        client.incr("count", 1)
    except MemcacheClientError:
        pass
    else:
        raise AssertionError("text was counted")


def times(client):
    client.set("short", b"1", expire=10)
    client.set("touched", b"1", expire=10)
    client.set("got", b"1", expire=10)
    same(client.touch("touched", 1000), True, "touch")
    same(client.touch("none", 1000), False, "touch of nothing")
    with connect() as raw:
        raw.sendall(b"debugtime 20\r\n")
        same(raw.recv(16), b"OK\r\n", "debugtime")
    time.sleep(1.1)  # every worker looks at the clock once a second
    same(client.get("short"), None, "get of an expired item")
    same(client.get("touched"), b"1", "get of a touched item")


def quiet(client):
    client.default_noreply = True
    for index in range(200):
        client.set(f"quiet{index}", b"1")
        client.delete(f"quiet{index - 1}")
    same(client.get("quiet199"), b"1", "get after quiet sets")
    same(client.get("quiet0"), None, "get after a quiet delete")
    client.default_noreply = False


def administration(client):
    same(client.version(), b"1.6.45", "version")
    same(client.stats()[b"threads"], 2, "threads in stats")
    same(client.stats("settings")[b"num_threads"], 2, "num_threads in stats settings")
    same(client.cache_memlimit(64), True, "cache_memlimit")
    same(client.flush_all(), True, "flush_all")
    same(client.get("touched"), None, "get after flush_all")
    client.quit()


def main():
    for make in (Client, PooledClient):
        client = make(ADDRESS, default_noreply=False, timeout=5, no_delay=True, tls_context=TLS)
        storage(client)
        many(client)
        uniques(client)
        counters(client)
    client = Client(ADDRESS, default_noreply=False, timeout=5, no_delay=True, tls_context=TLS)
    times(client)
    quiet(client)
    administration(client)
    print("all sessions passed")


main()
