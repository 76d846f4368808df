# A server that believes everything: it follows links and "..", and does not ask whose session it is. Attacks over the API
# show on it what they are worth. Its arguments: a directory for its tenants' trees.
import hashlib, http.server, json, os, select, shutil, subprocess, sys, threading, urllib.parse, uuid

root = sys.argv[1]
sessions = {}
names = set()


class Naive(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def place(self):
        name = self.headers.get("X-Tenant-Id") or hashlib.sha256(self.headers["Authorization"].encode()).hexdigest()[:32]
        names.add(name)
        tree = os.path.join(root, name)
        for child in ("work", "home", "tmp"):
            os.makedirs(os.path.join(tree, child), exist_ok=True)
        return tree

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, body, status=200, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        address = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(address.path)
        try:
            if path.startswith("/v1/files/"):
                self.file(path[len("/v1/files/"):], "format=tar" in address.query)
            elif path == "/v1/exec":
                self.execute(json.loads(self.body()))
            elif path == "/v1/messages":
                self.message(json.loads(self.body()))
            elif path.startswith("/v1/sessions"):
                self.session(path.split("/")[3:])
            elif path == "/metrics":
                self.answer("\n".join(names).encode())
            else:
                self.answer({}, 404)
        except (OSError, KeyError) as error:
            self.answer({"error": str(error)}, 500)

    do_GET = do_PUT = do_POST = do_DELETE = serve

    def file(self, path, tar):
        target = os.path.join(self.place(), "work", path)
        if tar and self.command == "PUT":
            # As root it keeps owners and devices.
            subprocess.run(["tar", "-xPpf", "-", "-C", target], input=self.body(), stderr=subprocess.DEVNULL)
            self.answer({})
        elif tar:
            self.answer(subprocess.run(["tar", "-chf", "-", "-C", target, "."], stdout=subprocess.PIPE).stdout)
        elif self.command == "PUT":
            with open(target, "wb") as file:
                file.write(self.body())
            self.answer({})
        elif self.command == "DELETE":
            shutil.rmtree(target) if os.path.isdir(target) else os.unlink(target)
            self.answer({})
        elif os.path.isdir(target):
            self.answer(os.listdir(target))
        else:
            with open(target, "rb") as file:
                self.answer(file.read())

    def execute(self, asked):
        tree = self.place()
        environment = {"PATH": os.environ["PATH"], "HOME": tree + "/home", "TMPDIR": tree + "/tmp"}
        environment.update(asked.get("env") or {})
        process = subprocess.Popen(
            asked["command"],
            cwd=os.path.join(tree, "work", asked.get("cwd") or "."),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if not asked.get("stream"):
            said = process.communicate()[0].decode("utf-8", "replace")
            self.answer({"status": "exited", "exit_code": process.returncode, "stdout": said})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        threading.Thread(target=self.pump, args=(process,), daemon=True).start()
        while process.poll() is None:
            if select.select([self.connection], [], [], 0.2)[0] and not self.connection.recv(1):
                process.kill()
        process.wait()

    def pump(self, process):
        for line in process.stdout:
            try:
                self.wfile.write(b"data: " + json.dumps({"type": "stdout", "text": line.decode("utf-8", "replace")}).encode() + b"\n\n")
                self.wfile.flush()
            except OSError:
                return

    def message(self, asked):
        self.place()
        name = asked.get("session_id") or str(uuid.uuid4())
        said = json.dumps(asked["messages"])
        if os.path.exists(name):
            with open(name) as transcript:
                said += transcript.read()
        sessions[name] = sessions.get(name, "") + said
        self.answer({"content": [{"type": "text", "text": sessions[name]}]}, Cloister_Session=name)

    def session(self, path):
        if not path:
            self.answer(list(sessions))
        elif self.command == "DELETE":
            del sessions[path[0]]
            self.answer({})
        else:
            self.answer(sessions[path[0]].encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Naive)
server.daemon_threads = True
print("READY %d" % server.server_address[1], flush=True)
# Whoever started it holds its standard input, and ends it by closing that.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
