package dev.cloister.isolation.microvm.image;

import java.nio.file.Path;
import java.util.SortedMap;
import java.util.TreeMap;

/** Looks into a file system's image without mounting it. */
final class Debugfs {
    private final Path image;

    Debugfs(Path image) {
        this.image = image;
    }

    /** By name: mode in octal, uid, gid, size. */
    SortedMap<String, String> list(String directory) {
        SortedMap<String, String> entries = new TreeMap<>();
        for (String line : ask("ls -p " + directory).split("\n", -1)) {
            // /inode/mode/uid/gid/name/size/
            String[] fields = line.strip().split("/", -1);
            if (fields.length == 8 && !fields[5].equals(".") && !fields[5].equals("..")) {
                entries.put(
                        fields[5],
                        String.join(" ", fields[2], fields[3], fields[4], fields[6])
                                .strip());
            }
        }
        return entries;
    }

    String mode(String path) {
        int name = path.lastIndexOf('/') + 1;
        String entry = list(path.substring(0, name)).get(path.substring(name));
        return entry == null ? "none" : entry.split(" ", -1)[0];
    }

    String content(String path) {
        return ask("cat " + path);
    }

    String stat(String path) {
        return ask("stat " + path);
    }

    boolean isSound() {
        return Tool.of("e2fsck", "-f", "-n", image.toString()).end().exit() == 0;
    }

    private String ask(String request) {
        return Tool.of("debugfs", "-R", request, image.toString()).run();
    }
}
