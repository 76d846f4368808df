package dev.cloister.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.sqlite.SQLiteJDBCLoader;
import org.sqlite.util.OSInfo;

/**
 * SQLite itself. The driver would unpack it, too, but starts a process to ask for the system's name, compares the copy byte by
 * byte, and leaves it lying there if the server is killed.
 */
final class NativeLibrary {
    private static final String NAME = "libsqlitejdbc.so";
    private static final String DIRECTORY_KEY = "org.sqlite.lib.path";
    private static final String NAME_KEY = "org.sqlite.lib.name";

    private static boolean loaded;

    private NativeLibrary() {}

    /**
     * Loads it, once in a process. Where it cannot be done here, the driver does it in its own way, or says why not.
     *
     * @param directory where it stands for a moment; must be closed to others
     */
    static synchronized void load(Path directory) {
        if (loaded || System.getProperty(DIRECTORY_KEY) != null) {
            return;
        }
        String resource = "/org/sqlite/native/%s/%s/%s"
                .formatted(OSInfo.isMusl() ? "Linux-Musl" : "Linux", OSInfo.getArchName(), NAME);
        try (InputStream library = SQLiteJDBCLoader.class.getResourceAsStream(resource)) {
            if (library != null) {
                loaded = load(library, directory);
            }
        } catch (IOException e) {
            loaded = false;
        }
    }

    private static boolean load(InputStream library, Path directory) throws IOException {
        Path copy = Files.createTempFile(directory, "sqlite-", ".so");
        try {
            Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
            System.setProperty(DIRECTORY_KEY, directory.toString());
            System.setProperty(NAME_KEY, copy.getFileName().toString());
            return SQLiteJDBCLoader.initialize();
        } catch (Exception e) { // the driver declares no other
            throw new IOException("the driver could not be made ready", e);
        } finally {
            System.clearProperty(DIRECTORY_KEY);
            System.clearProperty(NAME_KEY);
            // What was loaded stays in memory.
            Files.delete(copy);
        }
    }
}
