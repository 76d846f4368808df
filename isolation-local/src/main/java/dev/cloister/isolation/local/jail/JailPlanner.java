package dev.cloister.isolation.local.jail;

import dev.cloister.isolation.local.jail.JailPlan.Entry;
import dev.cloister.isolation.local.plan.CommonLayers;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Decides what a jail holds: programs, the libraries and interpreters that they need, and the trees of the languages. Only
 * reads, and only below one directory that stands for the host's root. Links stay links, with all that they lead to.
 */
final class JailPlanner {
    /** Without these an agent can do nothing. */
    private static final List<String> INDISPENSABLE = List.of("bash", "sh", "cat", "ls", "env", "git");

    private static final List<String> PROGRAMS =
            List.of(("[ arch awk base64 basename bunzip2 bzip2 chgrp chmod chown cksum"
                            + " clear cmp comm cp csplit curl cut date dd df diff diff3 dir dircolors dirname du echo egrep expand"
                            + " expr factor false fgrep file find flock fmt fold free gawk getconf getent getopt git"
                            + " git-receive-pack git-shell git-upload-archive git-upload-pack grep groups gunzip gzip head hexdump"
                            + " hostid hostname iconv id infocmp install join jq kill less link ln locale logname ls md5sum mawk"
                            + " mkdir mkfifo mktemp more mv nice nl node nodejs nohup npm npx nproc numfmt od openssl paste patch"
                            + " pathchk perl pgrep pip3 pkill pr printenv printf ps ptx pwd python3 readlink realpath rev rg rm"
                            + " rmdir script sdiff sed seq setsid sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf"
                            + " sleep sort split stat stdbuf strings stty sum sync tac tail tar tee test timeout top touch tput tr"
                            + " tree true truncate tsort tty uname unexpand uniq unlink unxz unzip uptime users vdir watch wc"
                            + " which who whoami xargs xxd xz xzcat yes zcat zip zgrep")
                    .split(" "));
    /** Directories and files by glob; those that are not there are left out. */
    private static final List<String> TREES = List.of(
            "/usr/lib/git-core",
            "/usr/share/git-core",
            "/usr/lib/python3.*",
            "/usr/lib/node_modules",
            "/usr/share/nodejs",
            "/usr/share/node_modules",
            "/usr/share/perl",
            "/usr/share/perl5",
            "/usr/lib/*-linux-gnu/perl*",
            "/usr/lib/*-linux-gnu/libnss_dns.so.2",
            "/usr/lib/*-linux-gnu/libnss_files.so.2",
            "/usr/lib64/libnss_dns.so.2",
            "/usr/lib64/libnss_files.so.2",
            "/usr/lib/locale/C.utf8",
            "/usr/share/terminfo/x",
            "/lib/terminfo",
            "/usr/share/ca-certificates",
            "/usr/share/misc/magic.mgc",
            "/usr/lib/file/magic.mgc",
            "/usr/lib/ssl",
            "/etc/ssl",
            "/etc/ld.so.conf",
            "/etc/ld.so.conf.d",
            "/etc/python3.*",
            "/etc/localtime");

    private static final List<String> TOP = List.of("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32");
    private static final String UNMAPPABLE = "\uFFFD";
    private static final int MOST_HOPS = 40;
    private static final int OTHERS_READ = 04;
    private static final int ANY_EXECUTE = 0111;

    private final Path host;
    private final Libraries libraries;
    private final SortedMap<String, Entry> entries = new TreeMap<>();
    private final SortedMap<String, String> sources = new TreeMap<>();
    /** What is not looked into: it is mounted. */
    private final Set<String> mounted = new HashSet<>();

    private JailPlanner(Path host) throws IOException {
        this.host = host;
        this.libraries = Libraries.of(host);
    }

    /**
     * @param host the root of the file system to take from
     * @throws IsolationException if something indispensable, or named by the operator, is missing
     */
    static JailPlan plan(Path host, JailSpec spec) {
        try {
            return new JailPlanner(host).plan(spec);
        } catch (IOException e) {
            throw new IsolationException(
                    new Finding(
                            "a jail could not be planned",
                            e.toString(),
                            "Check that the server can read the host's programs and libraries."),
                    e);
        }
    }

    private JailPlan plan(JailSpec spec) throws IOException {
        for (String top : TOP) {
            if (Files.isSymbolicLink(on(top))) {
                entries.put(top, new Entry.Link(Files.readSymbolicLink(on(top)).toString()));
            }
        }
        if (spec.mounted().isEmpty()) {
            copy(spec);
        } else {
            frame(spec);
        }
        furnish();
        return new JailPlan(
                entries,
                sources.entrySet().stream()
                        .map(source -> source.getKey() + "\t" + source.getValue())
                        .toList());
    }

    private void frame(JailSpec spec) throws IOException {
        mounted.addAll(spec.mounted());
        spec.mounted().forEach(tree -> entries.put(tree, new Entry.Directory()));
        for (String setting : spec.settings()) {
            add(setting, true);
        }
        for (Path program : spec.programs()) {
            addMountPoint(program.toString());
        }
    }

    /** Nothing, where it stands in something that is mounted. */
    private void addMountPoint(String path) throws IOException {
        String at = "";
        for (String part : parts(path)) {
            at += "/" + part;
            if (mounted.contains(at) || entries.get(at) instanceof Entry.Link) {
                return;
            }
            entries.putIfAbsent(at, new Entry.Directory());
        }
        if (!Files.exists(on(path))) {
            throw missing(path + " is missing", "there is no such file or directory", "");
        }
        boolean directory = Files.isDirectory(on(path));
        sources.put(path, Sources.now(on(path)));
        entries.put(path, directory ? new Entry.Directory() : new Entry.Text(""));
    }

    private void copy(JailSpec spec) throws IOException {
        for (String program : PROGRAMS) {
            addProgram(program, spec);
        }
        for (String program : INDISPENSABLE) {
            if (!addProgram(program, spec)) {
                throw missing(program + " is missing", "it is in none of " + spec.searchPath(), program);
            }
        }
        for (String glob : TREES) {
            for (String tree : glob(glob)) {
                add(tree, true);
            }
        }
        for (Path program : spec.programs()) {
            if (!add(program.toString(), true)) {
                throw missing(program + " is missing", "there is no such file or directory", "");
            }
        }
    }

    private static IsolationException missing(String what, String why, String program) {
        return new IsolationException(new Finding(
                "a jail cannot be built: " + what,
                why,
                program.isEmpty()
                        ? "Install it, or take it out of isolation.programs."
                        : "apt-get install bash coreutils git"));
    }

    /** Mount points, and the little of /etc and /dev that is the same for all. */
    private void furnish() {
        for (String directory : List.of(
                "/proc", "/dev", "/tmp", "/etc", "/run", "/run/cloister", "/workspace", "/home", "/home/agent")) {
            entries.put(directory, new Entry.Directory());
        }
        CommonLayers.DEVICES.forEach(device -> entries.put(device, new Entry.Text("")));
        entries.put("/dev/fd", new Entry.Link("/proc/self/fd"));
        entries.put("/dev/stdin", new Entry.Link("/proc/self/fd/0"));
        entries.put("/dev/stdout", new Entry.Link("/proc/self/fd/1"));
        entries.put("/dev/stderr", new Entry.Link("/proc/self/fd/2"));
        entries.put("/dev/shm", new Entry.Link("/tmp"));
        entries.put("/etc/mtab", new Entry.Link("/proc/mounts"));
        entries.put("/etc/passwd", new Entry.Text(""));
        entries.put("/etc/group", new Entry.Text(""));
        entries.put("/etc/hosts", new Entry.Text("127.0.0.1 localhost\n"));
        entries.put("/etc/nsswitch.conf", new Entry.Text("passwd: files\ngroup: files\nhosts: files dns\n"));
    }

    private boolean addProgram(String name, JailSpec spec) throws IOException {
        for (Path directory : spec.searchPath()) {
            if (add(directory.resolve(name).toString(), false)) {
                return true;
            }
        }
        return false;
    }

    /** The path on the real host. */
    private Path on(String inner) {
        return host.resolve(inner.substring(1));
    }

    private List<String> glob(String pattern) throws IOException {
        List<String> found = List.of("");
        for (String part : pattern.substring(1).split("/", -1)) {
            List<String> next = new ArrayList<>();
            for (String parent : found) {
                Path directory = parent.isEmpty() ? host : on(parent);
                if (!part.contains("*")) {
                    if (Files.exists(directory.resolve(part), LinkOption.NOFOLLOW_LINKS)) {
                        next.add(parent + "/" + part);
                    }
                } else if (Files.isDirectory(directory)) {
                    try (DirectoryStream<Path> matches = Files.newDirectoryStream(directory, part)) {
                        matches.forEach(match -> next.add(parent + "/" + match.getFileName()));
                    }
                }
            }
            next.sort(null);
            found = next;
        }
        return found;
    }

    /**
     * Brings a path in with every link on the way.
     *
     * @param lenient whether a library that cannot be found is left out: so in trees, where not everything is ever loaded
     * @return whether there is such a file or directory that everybody may read
     */
    private boolean add(String path, boolean lenient) throws IOException {
        Deque<String> left = new ArrayDeque<>(parts(path));
        String at = "";
        int hops = 0;
        while (!left.isEmpty()) {
            String part = left.removeFirst();
            if (part.equals("..")) {
                at = at.substring(0, Math.max(0, at.lastIndexOf('/')));
                continue;
            }
            // A name that this JVM's locale cannot spell, such as some certificates': nothing asks for those by name.
            if (part.contains(UNMAPPABLE)) {
                return false;
            }
            String next = at + "/" + part;
            if (mounted.contains(next)) {
                return true;
            }
            Path real = on(next);
            if (Files.isSymbolicLink(real)) {
                if (++hops > MOST_HOPS) {
                    return false;
                }
                String target = Files.readSymbolicLink(real).toString();
                if (target.contains(UNMAPPABLE)) {
                    return false;
                }
                entries.putIfAbsent(next, new Entry.Link(target));
                sources.putIfAbsent(next, "-> " + target);
                if (target.startsWith("/")) {
                    at = "";
                }
                List<String> more = parts(target);
                for (int i = more.size() - 1; i >= 0; i--) {
                    left.addFirst(more.get(i));
                }
                continue;
            }
            if (!Files.exists(real, LinkOption.NOFOLLOW_LINKS)) {
                sources.putIfAbsent(next, "-");
                return false;
            }
            if (Files.isDirectory(real, LinkOption.NOFOLLOW_LINKS)) {
                entries.putIfAbsent(next, new Entry.Directory());
            } else if (!left.isEmpty()) {
                return false;
            }
            at = next;
        }
        if (Files.isDirectory(on(at), LinkOption.NOFOLLOW_LINKS)) {
            return addTree(at, lenient);
        }
        return Files.isRegularFile(on(at), LinkOption.NOFOLLOW_LINKS) && addFile(at, lenient);
    }

    private static List<String> parts(String path) {
        return Stream.of(path.split("/", -1))
                .filter(part -> !part.isEmpty() && !part.equals("."))
                .toList();
    }

    private boolean addTree(String path, boolean lenient) throws IOException {
        if (sources.containsKey(path)) {
            return true;
        }
        sources.put(path, Sources.line(on(path)));
        if (!Files.isReadable(on(path))) {
            return true;
        }
        try (DirectoryStream<Path> children = Files.newDirectoryStream(on(path))) {
            for (Path child : children) {
                add(path + "/" + child.getFileName(), lenient);
            }
        }
        return true;
    }

    /** A file that not everybody may read is no tenant's business, whoever the server is. */
    private boolean addFile(String path, boolean lenient) throws IOException {
        Path file = on(path);
        int mode = ((Number) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS)).intValue();
        if ((mode & OTHERS_READ) == 0) {
            return false;
        }
        if (entries.putIfAbsent(path, new Entry.Copy(file, (mode & ANY_EXECUTE) != 0)) != null) {
            return true;
        }
        sources.put(path, Sources.line(file));
        Optional<Elf> elf = elf(file, lenient);
        if (elf.isPresent()) {
            addNeeds(path, elf.get(), lenient);
        } else if ((mode & ANY_EXECUTE) != 0) {
            addInterpreter(file);
        }
        return true;
    }

    private static Optional<Elf> elf(Path file, boolean lenient) throws IOException {
        try {
            return Elf.read(file);
        } catch (Elf.MalformedException e) {
            if (lenient) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private void addNeeds(String path, Elf elf, boolean lenient) throws IOException {
        if (elf.interpreter().isPresent() && !add(elf.interpreter().get(), lenient) && !lenient) {
            throw missing(
                    "the loader of " + path + " is missing", elf.interpreter().get() + " is not there", "");
        }
        for (String name : elf.needed()) {
            Optional<String> library = libraries.find(name, path, elf);
            if (library.isPresent()) {
                add(library.get(), lenient);
            } else if (!lenient) {
                throw missing(
                        "a library of " + path + " is missing", name + " is in none of " + libraries.directories(), "");
            }
        }
    }

    /** {@code #!/usr/bin/env python3} needs both. */
    private void addInterpreter(Path script) throws IOException {
        String first;
        try (InputStream in = Files.newInputStream(script)) {
            byte[] head = in.readNBytes(256);
            if (head.length < 3 || head[0] != '#' || head[1] != '!') {
                return;
            }
            first = new String(head, 2, head.length - 2, StandardCharsets.ISO_8859_1).split("\n", 2)[0].strip();
        }
        String[] words = first.split("\\s+");
        if (words[0].startsWith("/")) {
            add(words[0], true);
        }
    }
}
