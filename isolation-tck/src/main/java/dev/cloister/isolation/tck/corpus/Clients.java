package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;
import static dev.cloister.spi.Guarantee.PRIVILEGES_NOT_GAINABLE;
import static dev.cloister.spi.Guarantee.SERVER_STATE_UNREADABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;
import java.util.stream.Stream;

/** A client of the HTTP API with a credential of its own: other tenants' files and sessions. */
final class Clients {
    private Clients() {}

    static List<Attack> attacks() {
        return Stream.of(files(), sessions()).flatMap(List::stream).toList();
    }

    private static List<Attack> sessions() {
        return new Attacks(Family.SESSIONS)
                .call("api-session-read", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        good(call("GET", "/v1/sessions/" + session)[0])
                        """)
                .call("api-session-events", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/sessions/" + session + "/events", Last_Event_ID="0")
                        """)
                .call("api-session-list", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        if session in call("GET", "/v1/sessions")[1]: print("GAINED")
                        """)
                .call("api-session-fork", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        good(call("POST", "/v1/sessions/" + session + "/fork", {})[0])
                        """)
                .call("api-session-interrupt", FILES_OF_OTHERS_UNWRITABLE, GAINED, """
                        good(call("POST", "/v1/sessions/" + session + "/interrupt", {})[0])
                        """)
                .call("api-session-resume", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        body = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "go on"}]}
                        good(call("POST", "/v1/messages", dict(body, session_id=session))[0])
                        """)
                .call("api-session-resume-by-path", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        body = {"model": "claude-sonnet-5", "max_tokens": 64, "messages": [{"role": "user", "content": "go on"}]}
                        good(call("POST", "/v1/messages", dict(body, session_id=home + "/.claude/projects/-workspace/session.jsonl"))[0])
                        """)
                .call("api-session-delete", FILES_OF_OTHERS_UNWRITABLE, GAINED, """
                        good(call("DELETE", "/v1/sessions/" + session)[0])
                        """)
                .toList();
    }

    private static List<Attack> files() {
        return new Attacks(Family.API)
                .call("api-path-dots", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + up + work + "/secret")
                        """)
                .call("api-path-encoded", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + (up + work + "/secret").replace("..", "%2e%2e").replace("/", "%2F"))
                        """)
                .call("api-path-absolute", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + home + "/secret")
                        """)
                .call("api-path-encoded-absolute", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + urllib.parse.quote(home + "/secret", safe=""))
                        """)
                .call("api-path-list", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        if "main.py" in call("GET", "/v1/files/" + up + work + "/src")[1]: print("GAINED")
                        """)
                .call("api-path-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        call("PUT", "/v1/files/" + up + work + "/planted", planted)
                        """)
                .call("api-path-write-absolute", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        call("PUT", "/v1/files/" + urllib.parse.quote(home + "/.netrc", safe=""), planted)
                        """)
                .call("api-path-delete", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        call("DELETE", "/v1/files/" + up + work + "/.env")
                        """)
                .call("api-path-transcript", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + up + home + "/.claude/projects/-workspace/session.jsonl")
                        """)
                .call("api-path-server", SERVER_STATE_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + up + os.environ["SERVER_STATE"])
                        """)
                .call("api-path-environ", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        show("GET", "/v1/files/" + up + "/proc/" + os.environ["V_PID"] + "/environ")
                        """)
                .call("api-link-file", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "$V_WORK/secret" link')
                        show("GET", "/v1/files/link")
                        """)
                .call("api-link-directory", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "$V_HOME" there')
                        show("GET", "/v1/files/there/secret")
                        """)
                .call("api-link-chain", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "$V_HOME" one; ln -sfn one two; ln -sfn two/secret three')
                        show("GET", "/v1/files/three")
                        """)
                .call("api-link-process", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "/proc/$V_PID/cwd" there')
                        show("GET", "/v1/files/there/secret")
                        """)
                .call("api-link-server", SERVER_STATE_UNREADABLE, SECRET_SHOWN, """
                        sh("ln -sfn %s link" % os.environ["SERVER_STATE"])
                        show("GET", "/v1/files/link")
                        """)
                .call("api-link-list", FILES_OF_OTHERS_UNREADABLE, GAINED, """
                        sh('ln -sfn "$V_WORK" there')
                        if "main.py" in call("GET", "/v1/files/there/src")[1]: print("GAINED")
                        """)
                .call("api-link-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        sh('ln -sfn "$V_HOME" there')
                        call("PUT", "/v1/files/there/planted", planted)
                        """)
                .call("api-link-overwrite", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        sh('ln -sfn "$V_HOME/.netrc" link')
                        call("PUT", "/v1/files/link", planted)
                        """)
                .call("api-link-delete", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        sh('ln -sfn "$V_WORK" there')
                        call("DELETE", "/v1/files/there/.env")
                        """)
                .call("api-link-hard", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln "$V_WORK/secret" hard')
                        show("GET", "/v1/files/hard")
                        """)
                .call("api-swap-read", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        swapping = threading.Thread(target=sh, args=('mkdir -p real; echo own > real/secret; end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do ln -sfn real swap; ln -sfn "$V_WORK" swap; rm -f swap; mkdir swap; echo own > swap/secret; rm -rf swap; done; ln -sfn "$V_WORK" swap',))
                        swapping.start()
                        while swapping.is_alive(): show("GET", "/v1/files/swap/secret")
                        show("GET", "/v1/files/swap/secret")
                        sh("rm -rf swap real")
                        """)
                .call("api-swap-write", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        swapping = threading.Thread(target=sh, args=('end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do mkdir swap; rm -rf swap; ln -sfn "$V_WORK" swap; rm -rf swap; done; ln -sfn "$V_WORK" swap',))
                        swapping.start()
                        while swapping.is_alive(): call("PUT", "/v1/files/swap/planted", planted)
                        call("PUT", "/v1/files/swap/planted", planted)
                        sh("rm -rf swap")
                        """)
                .call("api-tar-absolute", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        send((work + "/planted", tarfile.REGTYPE, "", planted))
                        """)
                .call("api-tar-dots", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        send((up + work + "/planted", tarfile.REGTYPE, "", planted))
                        """)
                .call("api-tar-through-link", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        send(("into", tarfile.SYMTYPE, work, b""), ("into/planted", tarfile.REGTYPE, "", planted))
                        """)
                .call("api-tar-through-own-link", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, """
                        sh('ln -sfn "$V_WORK" into')
                        send(("into/planted", tarfile.REGTYPE, "", planted))
                        """)
                .call("api-tar-link", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        send(("link", tarfile.SYMTYPE, work + "/secret", b""))
                        show("GET", "/v1/files/link")
                        """)
                .call("api-tar-hard-link", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        send(("hard", tarfile.LNKTYPE, work + "/secret", b""))
                        show("GET", "/v1/files/hard")
                        """)
                .call("api-tar-down-link", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('rm -rf bag; mkdir bag; ln -s "$V_WORK/secret" bag/secret')
                        show("GET", "/v1/files/bag?format=tar")
                        """)
                .call("api-tar-down-directory", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "$V_WORK" bag-link')
                        show("GET", "/v1/files/bag-link?format=tar")
                        """)
                .callByRoot("api-tar-device", PRIVILEGES_NOT_GAINABLE, GAINED, """
                        archive = io.BytesIO()
                        with tarfile.open(fileobj=archive, mode="w") as file:
                            member = tarfile.TarInfo("device")
                            member.type, member.devmajor, member.devminor, member.mode = tarfile.CHRTYPE, 1, 1, 0o666
                            file.addfile(member)
                        call("PUT", "/v1/files/?format=tar", archive.getvalue())
                        if "a device" in sh("test -c device && echo a device; rm -f device"): print("GAINED")
                        """)
                .callByRoot("api-tar-set-uid", PRIVILEGES_NOT_GAINABLE, GAINED, """
                        archive = io.BytesIO()
                        with tarfile.open(fileobj=archive, mode="w") as file:
                            member = tarfile.TarInfo("root-shell")
                            member.mode, member.uid, member.size = 0o4755, 0, len(planted)
                            file.addfile(member, io.BytesIO(planted))
                        call("PUT", "/v1/files/?format=tar", archive.getvalue())
                        if "4755 0" in sh("stat -c '%a %u' root-shell; rm -f root-shell"): print("GAINED")
                        """)
                .call("api-exec-directory", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        print(sh("cat secret", cwd=work), sh("cat secret", cwd=up + work))
                        """)
                .call("api-exec-link-directory", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        sh('ln -sfn "$V_WORK" there')
                        print(sh("cat secret", cwd="there"))
                        """)
                .call("api-exec-home", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        print(call("POST", "/v1/exec", {"command": ["/bin/sh", "-c", 'cat "$HOME/secret"'], "env": {"HOME": home}})[1])
                        """)
                .call("api-header-tenant", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, """
                        tenant = os.environ["V_TENANT"]
                        show("GET", "/v1/files/secret", X_Tenant_Id=tenant, X_Tenant=tenant, X_User_Id=tenant, Cookie="tenant=" + tenant)
                        """)
                .call("api-metrics-names", SERVER_STATE_UNREADABLE, GAINED, """
                        if os.environ["V_TENANT"] in call("GET", "/metrics")[1]: print("GAINED")
                        """)
                .toList();
    }
}
