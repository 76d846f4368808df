# An HTTP proxy that believes everything: however a host is written, wherever a name leads, whatever a header says.
import os, socket, sys, threading, unicodedata, urllib.parse


def place(authority):
    host, _, port = authority.rpartition(":")
    host = urllib.parse.unquote(host).split("\0")[0].rsplit("@", 1)[-1]
    host = unicodedata.normalize("NFKC", host).strip("[]").split("%")[0].rstrip(".").lower()
    return "127.0.0.1" if host.endswith(".test") else host, int(port)


def places(method, target, headers):
    if method == "CONNECT":
        yield place(target)
        return
    if "://" in target:
        yield place(target.split("://", 1)[1].split("/", 1)[0])
    for header in headers:
        name, _, value = header.partition(":")
        if name.strip().lower() == "host":
            yield place(value.strip())


def take(caller):
    """The next request: its head, and what of its sender's came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = caller.recv(65536)
        if not more:
            return None, data
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def say(where, data, caller):
    try:
        with socket.create_connection(where, 2) as onward:
            onward.sendall(data)
            onward.settimeout(1)
            caller.sendall(onward.recv(65536))
    except (OSError, ValueError, UnicodeError):
        pass


def serve(caller):
    caller.settimeout(3)
    try:
        head, rest = take(caller)
        while head is not None:
            first, *headers = head.decode("utf-8", "replace").split("\r\n")
            method, _, target = first.partition(" ")
            target = target.rpartition(" ")[0]
            if method == "CONNECT":
                caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                rest += caller.recv(65536)
            for where in places(method, target, headers):
                say(where, rest if method == "CONNECT" else head + b"\r\n\r\n" + rest, caller)
            # What comes behind a request is taken for another.
            head, _, rest = rest[max(0, rest.find(b"GET ")):].partition(b"\r\n\r\n")
            head = head if head.startswith(b"GET ") and method != "CONNECT" else None
    except (OSError, ValueError, UnicodeError):
        pass
    caller.close()


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    return listener


def accept(listener):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


for listener in [listen(path) for path in sys.argv[1:]]:
    threading.Thread(target=accept, args=(listener,), daemon=True).start()
print("READY", flush=True)
sys.stdin.read()
