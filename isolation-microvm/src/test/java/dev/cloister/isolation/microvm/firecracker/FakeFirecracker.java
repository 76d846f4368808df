package dev.cloister.isolation.microvm.firecracker;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A program that answers like Firecracker where nothing can run it: requests are held against its {@link Description}, files and
 * sockets are looked for from the directory it is in, and the states follow each other as there. Behind its vsock an echo.
 *
 * <p>System properties: {@code transcript}, a file to which each request and its status are added; {@code fault}, a request that is
 * refused; {@code silent}, one that is never answered; {@code flood}, one that is answered without end; {@code deaf}, how many
 * connections to the guest are dropped first.
 */
final class FakeFirecracker {
    /** Sorted, so that a transcript is always the same. */
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
            .build();

    private final Description description = Description.read();
    private final Path here;
    private final String id;
    private final Map<String, JsonNode> configured = new TreeMap<>();
    private final AtomicInteger deaf = new AtomicInteger(Integer.getInteger("deaf", 0));
    private String state = "Not started";

    private FakeFirecracker(Path here, String id) {
        this.here = here;
        this.id = id;
    }

    public static void main(String[] arguments) throws IOException {
        List<String> given = List.of(arguments);
        if (given.equals(List.of("--version"))) {
            System.out.write("Firecracker v1.16.1\n\n".getBytes(StandardCharsets.US_ASCII));
            System.out.flush();
            return;
        }
        if (!given.contains("--id") || !given.contains("--api-sock")) {
            throw new IllegalArgumentException("not enough was said: " + given);
        }
        FakeFirecracker fake = new FakeFirecracker(Path.of(""), given.get(given.indexOf("--id") + 1));
        ServerSocketChannel listener = listen(given.get(given.indexOf("--api-sock") + 1));
        while (true) {
            try (SocketChannel connection = listener.accept()) {
                fake.serve(Channels.newInputStream(connection), Channels.newOutputStream(connection));
            } catch (IOException e) {
                System.err.println("a connection was lost: " + e);
            }
        }
    }

    private static ServerSocketChannel listen(String name) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        // Like Firecracker, it does not replace a socket that is there.
        listener.bind(UnixDomainSocketAddress.of(name));
        return listener;
    }

    private void serve(InputStream in, OutputStream out) throws IOException {
        Optional<String> head = head(in);
        if (head.isEmpty()) {
            return;
        }
        String[] words = head.get().split("[ \r]", 3);
        int length = head.get()
                .lines()
                .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-length:"))
                .mapToInt(line ->
                        Integer.parseInt(line.substring(line.indexOf(':') + 1).strip()))
                .findFirst()
                .orElse(0);
        String body = new String(in.readNBytes(length), StandardCharsets.UTF_8);
        out.write(answer(words[0], words[1], body).getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /** Up to the empty line; empty if nobody says anything. */
    private static Optional<String> head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.US_ASCII).endsWith("\r\n\r\n")) {
            int read = in.read();
            if (read < 0) {
                return Optional.empty();
            }
            head.write(read);
        }
        return Optional.of(head.toString(StandardCharsets.US_ASCII));
    }

    private String answer(String method, String path, String body) throws IOException {
        String request = method + " " + path;
        if (request.equals("GET /")) {
            return said(
                    200,
                    JSON.writeValueAsString(
                            Map.of("id", id, "state", state, "vmm_version", "1.16.1", "app_name", "Firecracker")));
        }
        if (request.equals(System.getProperty("silent"))) {
            park();
        }
        if (request.equals(System.getProperty("flood"))) {
            return said(400, JSON.writeValueAsString(Map.of("fault_message", "a".repeat(10 << 20))));
        }
        Optional<String> fault = request.equals(System.getProperty("fault"))
                ? Optional.of("refused for the test")
                : fault(method, path, body);
        note(request + " " + sorted(body) + " " + (fault.isEmpty() ? "204" : "400 " + fault.get()));
        return fault.isEmpty()
                ? "HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n"
                : said(400, JSON.writeValueAsString(Map.of("fault_message", fault.get())));
    }

    private static String said(int status, String body) {
        return "HTTP/1.1 " + status
                + " \r\nServer: Firecracker API\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n"
                + "Content-Length: " + body.length() + "\r\n\r\n" + body;
    }

    private static void park() {
        try {
            Thread.sleep(Long.MAX_VALUE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String sorted(String body) {
        return JSON.writeValueAsString(JSON.readValue(body, Map.class));
    }

    private static void note(String line) throws IOException {
        Optional<String> transcript = Optional.ofNullable(System.getProperty("transcript"));
        if (transcript.isPresent()) {
            Files.writeString(
                    Path.of(transcript.get()), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
    }

    private Optional<String> fault(String method, String path, String body) throws IOException {
        Optional<String> name = description.name(method, path);
        if (name.isEmpty()) {
            return Optional.of("Invalid request method and/or path: " + method + " " + path + ".");
        }
        JsonNode asked = JSON.readTree(body);
        List<String> wrong = description.wrong(name.get(), asked);
        if (!wrong.isEmpty()) {
            return Optional.of("An error occurred when deserializing the json body of a request: " + wrong + ".");
        }
        Optional<String> untimely = untimely(description.when(name.get()));
        return untimely.isPresent() ? untimely : done(name.get(), asked);
    }

    private Optional<String> untimely(String when) {
        boolean started = !state.equals("Not started");
        return switch (when) {
            case "before" ->
                started
                        ? Optional.of("The requested operation is not supported after starting the microVM.")
                        : Optional.empty();
            case "fresh" ->
                started || !configured.isEmpty()
                        ? Optional.of("Load snapshot error: a microVM with resources already configured")
                        : Optional.empty();
            case "after" ->
                started
                        ? Optional.empty()
                        : Optional.of("The requested operation is not supported before starting the microVM.");
            case "paused" ->
                state.equals("Paused")
                        ? Optional.empty()
                        : Optional.of("Create snapshot error: the microVM is not paused");
            default -> throw new IllegalStateException(when);
        };
    }

    private Optional<String> done(String name, JsonNode asked) throws IOException {
        return switch (name) {
            case "PUT /actions" -> start();
            case "PATCH /vm" -> {
                state = asked.path("state").asString().equals("Paused") ? "Paused" : "Running";
                yield Optional.empty();
            }
            case "PATCH /balloon" ->
                configured.containsKey("PUT /balloon")
                        ? Optional.empty()
                        : Optional.of("Balloon update error: no device");
            case "PUT /snapshot/create" -> {
                Files.writeString(
                        here.resolve(asked.path("snapshot_path").asString()), JSON.writeValueAsString(configured));
                Files.writeString(here.resolve(asked.path("mem_file_path").asString()), "memory");
                yield Optional.empty();
            }
            case "PUT /snapshot/load" -> load(asked);
            case "PUT /drives/{drive_id}" -> {
                configured.put("drive " + asked.path("drive_id").asString(), asked);
                yield drive(asked);
            }
            default -> {
                configured.put(name, asked);
                yield Optional.empty();
            }
        };
    }

    private Optional<String> drive(JsonNode drive) {
        Path file = here.resolve(drive.path("path_on_host").asString());
        boolean usable = Files.isReadable(file) && (drive.path("is_read_only").asBoolean() || Files.isWritable(file));
        return usable ? Optional.empty() : Optional.of("Drive config error: unable to open the backing file " + file);
    }

    private Optional<String> start() throws IOException {
        JsonNode boot = configured.getOrDefault("PUT /boot-source", JSON.createObjectNode());
        for (String file : List.of("kernel_image_path", "initrd_path")) {
            if (!Files.isReadable(here.resolve(boot.path(file).asString("")))) {
                return Optional.of("Boot source error: The kernel file cannot be opened");
            }
        }
        return run();
    }

    private Optional<String> load(JsonNode asked) throws IOException {
        Path memory =
                here.resolve(asked.path("mem_backend").path("backend_path").asString());
        Path saved = here.resolve(asked.path("snapshot_path").asString());
        if (!Files.isReadable(memory) || !Files.isReadable(saved)) {
            return Optional.of("Load snapshot error: no such file");
        }
        for (Map.Entry<String, JsonNode> one :
                JSON.readTree(Files.readString(saved)).properties()) {
            configured.put(one.getKey(), one.getValue());
        }
        Optional<String> missing = configured.entrySet().stream()
                .filter(one -> one.getKey().startsWith("drive "))
                .map(one -> drive(one.getValue()))
                .flatMap(Optional::stream)
                .findFirst();
        if (missing.isPresent()) {
            return missing;
        }
        Optional<String> started = run();
        if (started.isEmpty() && !asked.path("resume_vm").asBoolean(false)) {
            state = "Paused";
        }
        return started;
    }

    private Optional<String> run() throws IOException {
        ServerSocketChannel listener = listen(configured
                .getOrDefault("PUT /vsock", JSON.createObjectNode())
                .path("uds_path")
                .asString());
        Thread.ofPlatform().daemon(true).start(() -> guest(listener));
        state = "Running";
        return Optional.empty();
    }

    private void guest(ServerSocketChannel listener) {
        while (true) {
            try (SocketChannel connection = listener.accept()) {
                InputStream in = Channels.newInputStream(connection);
                OutputStream out = Channels.newOutputStream(connection);
                StringBuilder line = new StringBuilder();
                for (int read = in.read(); read >= 0 && read != '\n'; read = in.read()) {
                    line.append((char) read);
                }
                if (deaf.getAndDecrement() > 0 || !line.toString().equals("CONNECT " + Requests.GUEST_PORT)) {
                    continue;
                }
                // The guest's first word comes at once: it must not be taken for a part of the answer.
                out.write("OK 1073741824\nhello\n".getBytes(StandardCharsets.US_ASCII));
                in.transferTo(out);
            } catch (IOException e) {
                System.err.println("a connection to the guest was lost: " + e);
            }
        }
    }
}
