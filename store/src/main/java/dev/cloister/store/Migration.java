package dev.cloister.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * One step of the schema. Once released it is never edited: databases remember its checksum.
 *
 * @param version 1, 2, 3 …
 * @param name its file's name
 */
record Migration(int version, String name, String sql) {
    private static final String FOLDER = "/db/migration/";

    /** Every file of the folder, in order; a jar cannot be listed portably, so they stand here. */
    private static final List<String> NAMES =
            List.of("0001_initial.sql", "0002_sandbox_usage.sql", "0003_host_credentials.sql");

    static List<Migration> all() {
        return NAMES.stream().map(Migration::load).toList();
    }

    /** SHA-256 of the SQL in hexadecimal. */
    String checksum() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(sql.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every Java platform has SHA-256", impossible);
        }
    }

    private static Migration load(String name) {
        try (InputStream resource = Migration.class.getResourceAsStream(FOLDER + name)) {
            if (resource == null) {
                throw new IllegalStateException("the migration " + name + " is missing from this build");
            }
            int version = Integer.parseInt(name.substring(0, name.indexOf('_')));
            return new Migration(version, name, new String(resource.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
