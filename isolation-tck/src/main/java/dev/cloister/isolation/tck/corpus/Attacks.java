package dev.cloister.isolation.tck.corpus;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import dev.cloister.isolation.tck.Language;
import dev.cloister.isolation.tck.Means;
import dev.cloister.isolation.tck.Sign;
import dev.cloister.isolation.tck.Vantage;
import dev.cloister.spi.Guarantee;
import java.util.ArrayList;
import java.util.List;

/** Collects one family's attacks. */
final class Attacks {
    /** For Python: a system call by its number on this machine, and errors by name. */
    private static final String SYSTEM_CALLS = """
            import ctypes, errno, os, platform, socket, struct, sys
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            x86 = platform.machine() == "x86_64"
            def call(x86_number, arm_number, *arguments):
                ctypes.set_errno(0)
                number = x86_number if x86 else arm_number
                return libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments])
            def reached(answer):
                # The kernel went into it: it did not refuse who asks.
                if answer >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
                    print("GAINED")
            """;

    /** For Python: calls of the API, and a shell in the attacker's sandbox. */
    private static final String CLIENT = """
            import http.client, io, json, os, sys, tarfile, threading, urllib.parse
            base = urllib.parse.urlsplit(os.environ["BASE"])
            home, work = os.environ["V_HOME"], os.environ["V_WORK"]
            session = os.environ["V_SESSION"]
            # New each time: what an earlier attack left must not look like this one's.
            planted = os.environ["WORD"].encode()
            up = "/".join([".."] * 12)
            def call(method, path, body=None, **headers):
                connection = http.client.HTTPConnection(base.hostname, base.port, timeout=15)
                everything = {"Authorization": "Bearer " + os.environ["TOKEN"]}
                everything.update({name.replace("_", "-"): value for name, value in headers.items()})
                if isinstance(body, dict):
                    body, everything["Content-Type"] = json.dumps(body), "application/json"
                connection.request(method, path, body, everything)
                answer = connection.getresponse()
                return answer.status, answer.read().decode("utf-8", "replace")
            def show(*arguments, **headers):
                print(call(*arguments, **headers)[1])
            def good(status):
                if status < 300: print("GAINED")
            def sh(text, **more):
                told = {name: os.environ[name] for name in ("V_HOME", "V_WORK", "V_PID")}
                return call("POST", "/v1/exec", dict({"command": ["/bin/sh", "-c", text], "env": told}, **more))[1]
            def tar(*members):
                archive = io.BytesIO()
                with tarfile.open(fileobj=archive, mode="w") as file:
                    for name, kind, target, content in members:
                        member = tarfile.TarInfo(name)
                        member.type, member.linkname, member.size, member.mode = kind, target, len(content), 0o644
                        file.addfile(member, io.BytesIO(content))
                return archive.getvalue()
            def send(*members):
                return call("PUT", "/v1/files/?format=tar", tar(*members), Content_Type="application/x-tar")
            """;

    private final Family family;
    private final List<Attack> all = new ArrayList<>();

    Attacks(Family family) {
        this.family = family;
    }

    Attacks add(String id, Guarantee guarantee, Sign sign, Language language, String text) {
        all.add(attack(id, guarantee, Vantage.SANDBOX, new Means.Code(language, text), sign, false));
        return this;
    }

    Attacks byRoot(String id, Guarantee guarantee, Sign sign, Language language, String text) {
        all.add(attack(id, guarantee, Vantage.SANDBOX, new Means.Code(language, text), sign, true));
        return this;
    }

    private Attack attack(String id, Guarantee guarantee, Vantage vantage, Means means, Sign sign, boolean byRootOnly) {
        return new Attack(id, family, guarantee, vantage, means, sign, byRootOnly);
    }

    /** By the agent, see {@link Means.Talk}. */
    Attacks talk(String id, Guarantee guarantee, Sign sign, String before, List<String> prompts, String after) {
        all.add(attack(id, guarantee, Vantage.AGENT, new Means.Talk(before, prompts, after), sign, false));
        return this;
    }

    /** Python as a client outside, which knows how to call the API as the attacker. */
    Attacks call(String id, Guarantee guarantee, Sign sign, String text) {
        all.add(attack(id, guarantee, Vantage.API, new Means.Code(Language.PYTHON, CLIENT + text), sign, false));
        return this;
    }

    Attacks callByRoot(String id, Guarantee guarantee, Sign sign, String text) {
        all.add(attack(id, guarantee, Vantage.API, new Means.Code(Language.PYTHON, CLIENT + text), sign, true));
        return this;
    }

    /** Python that makes system calls. */
    static String calling(String text) {
        return SYSTEM_CALLS + text;
    }

    List<Attack> toList() {
        return List.copyOf(all);
    }
}
