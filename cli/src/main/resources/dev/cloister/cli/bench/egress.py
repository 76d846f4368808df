# The far end and the near end of `cloister bench egress`. What is measured is the way between them, so both stay the same.
#   serve HOST                       says its port, and answers each line "N" with N bytes
#   measure HOST PORT PROXY SIZE SAMPLES PARALLEL PART
#                                    PROXY is the port of a proxy on 127.0.0.1, or 0
import json, socket, sys, threading, time

BLOCK = bytes(1 << 18)


def serve(host):
    listener = socket.create_server((host, 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    with connection, connection.makefile("rb") as lines:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for line in lines:
            left = int(line)
            while left > 0:
                left -= connection.send(BLOCK[:left] if left < len(BLOCK) else BLOCK)


def connect():
    target = "%s:%d" % (HOST, PORT)
    if not PROXY:
        return socket.create_connection((HOST, PORT))
    connection = socket.create_connection(("127.0.0.1", PROXY))
    connection.sendall(("CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, target)).encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise OSError("no answer")
        head += more
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise OSError(head.decode())
    return connection


def take(connection, size):
    connection.sendall(b"%d\n" % size)
    buffer, left = memoryview(bytearray(1 << 18)), size
    while left > 0:
        n = connection.recv_into(buffer, min(left, len(buffer)))
        if n == 0:
            raise OSError("the stream ended early")
        left -= n


def stream(size):
    with connect() as connection:
        began = time.monotonic()
        take(connection, size)
        return size / (time.monotonic() - began) / (1 << 20)


def first_byte():
    began = time.monotonic()
    with connect() as connection:
        take(connection, 1)
        return (time.monotonic() - began) * 1000


def parallel(count, part):
    open_ones, done, barrier = [], [], threading.Barrier(count + 1)

    def one():
        try:
            with connect() as connection:
                open_ones.append(1)
                barrier.wait(60)
                take(connection, part)
                done.append(1)
        except (OSError, threading.BrokenBarrierError):
            barrier.abort()

    threading.stack_size(1 << 18)
    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        barrier.wait(60)
    except threading.BrokenBarrierError:
        pass
    began = time.monotonic()
    for thread in threads:
        thread.join()
    return {"open": len(open_ones), "done": len(done), "seconds": time.monotonic() - began}


if sys.argv[1] == "serve":
    serve(sys.argv[2])
HOST = sys.argv[2]
PORT, PROXY, SIZE, SAMPLES, PARALLEL, PART = map(int, sys.argv[3:])
print(json.dumps({
    "stream_mib_s": stream(SIZE),
    "first_byte_ms": [first_byte() for _ in range(SAMPLES)],
    "parallel": parallel(PARALLEL, PART) if PARALLEL else None,
}))
