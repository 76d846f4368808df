package dev.cloister.isolation.local.jail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Whether what a plan was made from has changed since. */
final class Sources {
    private Sources() {}

    /** A file or directory as it is now; a directory's time changes with the names in it. */
    static String line(Path path) throws IOException {
        Map<String, Object> found =
                Files.readAttributes(path, "unix:size,lastModifiedTime,ino,mode", LinkOption.NOFOLLOW_LINKS);
        return found.get("size") + " " + found.get("lastModifiedTime") + " " + found.get("ino") + " "
                + found.get("mode");
    }

    /** @param lines as {@link JailPlan#sources} has them */
    static boolean unchanged(Path host, List<String> lines) {
        return lines.stream().allMatch(line -> {
            String[] fields = line.split("\t", 2);
            return fields.length == 2
                    && now(host.resolve(fields[0].substring(1))).equals(fields[1]);
        });
    }

    /** The same for what may be a link, or not be there. */
    static String now(Path path) {
        try {
            return Files.isSymbolicLink(path) ? "-> " + Files.readSymbolicLink(path) : line(path);
        } catch (IOException e) {
            return "-";
        }
    }
}
