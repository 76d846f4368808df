package dev.cloister.isolation.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.CreateContainerResponse;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.exception.NotModifiedException;
import com.github.dockerjava.api.model.AccessMode;
import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.RestartPolicy;
import com.github.dockerjava.api.model.StreamType;
import com.github.dockerjava.api.model.Ulimit;
import com.github.dockerjava.api.model.Version;
import com.github.dockerjava.api.model.Volume;
import com.github.dockerjava.api.model.WaitResponse;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import dev.cloister.spi.Finding;
import dev.cloister.spi.IsolationException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.Pipe;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An engine behind Docker's API. Source: Docker Engine API v1.41. */
final class DockerEngine implements Engine {
    private static final Logger log = LoggerFactory.getLogger(DockerEngine.class);
    private static final Duration CONNECT = Duration.ofSeconds(5);
    /** A busy engine takes seconds for what it is asked most: to start a container, to remove one. */
    private static final Duration ANSWER = Duration.ofSeconds(60);

    private static final String INSTALLATION = "dev.cloister.installation";
    private static final String TENANT = "dev.cloister.tenant";
    private static final String PLAN = "dev.cloister.plan";
    private static final long NANOS = 1_000_000_000;
    /** What only the kernel's own default bounds elsewhere. */
    private static final long SHARED_MEMORY = 64 << 20;

    private static final long PAGE = 4096;

    private final String socket;
    private final DockerClient client;
    private final Duration patience;

    private DockerEngine(String socket, DockerClient client, Duration patience) {
        this.socket = socket;
        this.client = client;
        this.patience = patience;
    }

    /** The engine at a socket; whether it answers is seen at the first call. */
    static DockerEngine at(String socket) {
        return at(socket, ANSWER);
    }

    /** @param patience how long any one answer may take, but for what a program says */
    static DockerEngine at(String socket, Duration patience) {
        DefaultDockerClientConfig config = DefaultDockerClientConfig.createDefaultConfigBuilder()
                .withDockerHost(socket)
                .withDockerTlsVerify(false)
                .build();
        return new DockerEngine(
                socket,
                DockerClientImpl.getInstance(
                        config,
                        new ZerodepDockerHttpClient.Builder()
                                .dockerHost(config.getDockerHost())
                                .connectionTimeout(CONNECT)
                                .build()),
                patience);
    }

    @Override
    public String description() {
        Version version = asked(() -> client.versionCmd().exec());
        return "engine " + version.getVersion() + ", API " + version.getApiVersion();
    }

    @Override
    public boolean hasImage(String image) {
        return asked(() -> {
            try {
                client.inspectImageCmd(image).exec();
                return true;
            } catch (NotFoundException e) {
                return false;
            }
        });
    }

    @Override
    public List<Known> containers(String installation) {
        return asked(
                () -> client
                        .listContainersCmd()
                        .withShowAll(true)
                        .withLabelFilter(Map.of(INSTALLATION, installation))
                        .exec()
                        .stream()
                        .map(Container::getId)
                        .map(this::container)
                        .flatMap(Optional::stream)
                        .toList());
    }

    @Override
    public Optional<Known> container(String id) {
        return asked(() -> {
            try {
                return Optional.of(known(client.inspectContainerCmd(id).exec()));
            } catch (NotFoundException e) {
                return Optional.empty();
            }
        });
    }

    private static Known known(InspectContainerResponse found) {
        Map<String, String> labels =
                Optional.ofNullable(found.getConfig().getLabels()).orElse(Map.of());
        boolean running = Boolean.TRUE.equals(found.getState().getRunning());
        @Nullable Long pid = found.getState().getPidLong();
        return new Known(
                found.getId(),
                labels.getOrDefault(TENANT, ""),
                labels.getOrDefault(PLAN, ""),
                running,
                running && pid != null ? pid : 0,
                !running && Boolean.TRUE.equals(found.getState().getOOMKilled()));
    }

    @Override
    public String create(ContainerPlan plan) {
        CreateContainerResponse made = asked(() -> client.createContainerCmd(plan.image())
                .withName(plan.name())
                .withLabels(Map.of(INSTALLATION, plan.installation(), TENANT, plan.tenant(), PLAN, plan.fingerprint()))
                .withHostName("cloister")
                .withUser(plan.uid() + ":" + plan.uid())
                .withEnv(List.of())
                .withEntrypoint(ContainerPlan.PROGRAMS + "/cloister-guest")
                .withCmd("--rest")
                .withWorkingDir("/")
                .withHostConfig(host(plan))
                .exec());
        for (String warning : Optional.ofNullable(made.getWarnings()).orElse(new String[0])) {
            log.warn("the engine says of a container: {}", warning);
        }
        return made.getId();
    }

    private static HostConfig host(ContainerPlan plan) {
        HostConfig host = HostConfig.newHostConfig()
                .withNetworkMode("none")
                .withIpcMode("private")
                .withReadonlyRootfs(true)
                .withCapDrop(Capability.ALL)
                .withSecurityOpts(List.of("no-new-privileges"))
                .withMemory(plan.limits().memory())
                // Equal to it: swap is no way out.
                .withMemorySwap(plan.limits().memory())
                .withNanoCPUs(Math.round(plan.limits().cpus() * NANOS))
                .withPidsLimit((long) plan.limitsOnHost().pids())
                .withUlimits(List.of(
                        new Ulimit("nofile", (long) plan.limits().openFiles(), (long)
                                plan.limits().openFiles()),
                        new Ulimit("core", 0L, 0L)))
                .withTmpFs(Map.of(
                        "/tmp", "exec," + inMemory(plan.limits().tmp()),
                        "/dev/shm",
                                "noexec,"
                                        + inMemory(Math.min(
                                                SHARED_MEMORY, plan.limits().tmp()))))
                .withBinds(plan.mounts().stream()
                        .map(mount -> new Bind(
                                mount.source().toString(),
                                new Volume(mount.path()),
                                mount.writable() ? AccessMode.rw : AccessMode.ro))
                        .toList())
                .withLogConfig(new LogConfig(LogConfig.LoggingType.NONE))
                .withRestartPolicy(RestartPolicy.noRestart());
        plan.runtime().ifPresent(host::withRuntime);
        return host;
    }

    /** Names without content take memory too, and no size bounds them. */
    private static String inMemory(long bytes) {
        return "rw,nosuid,nodev,mode=1777,size=" + bytes + ",nr_inodes=" + (bytes / PAGE + 16);
    }

    @Override
    public void start(String id) {
        asked(() -> {
            try {
                client.startContainerCmd(id).exec();
            } catch (NotModifiedException e) {
                log.debug("container {} runs already", id);
            }
            return true;
        });
    }

    @Override
    public void kill(String id) {
        asked(() -> {
            try {
                client.killContainerCmd(id).exec();
            } catch (DockerException e) {
                // 404: it is gone; 409: it does not run.
                if (e.getHttpStatus() != 404 && e.getHttpStatus() != 409) {
                    throw e;
                }
            }
            return true;
        });
    }

    @Override
    public void remove(String id) {
        asked(() -> {
            try {
                client.removeContainerCmd(id)
                        .withForce(true)
                        .withRemoveVolumes(true)
                        .exec();
            } catch (DockerException e) {
                // 404: it is gone; 409: somebody removes it already.
                if (e.getHttpStatus() != 404 && e.getHttpStatus() != 409) {
                    throw e;
                }
            }
            return true;
        });
    }

    @Override
    public Attached run(String id, List<String> command) {
        return asked(() -> {
            String exec = client.execCreateCmd(id)
                    .withAttachStdin(true)
                    .withAttachStdout(true)
                    .withAttachStderr(true)
                    .withCmd(command.toArray(String[]::new))
                    .exec()
                    .getId();
            return Streams.of(client, id, exec);
        });
    }

    /** The streams of one program: two of the kernel's pipes, because what moves them blocks. */
    private static final class Streams extends ResultCallback.Adapter<Frame> implements Attached {
        private final InputStream output;
        private final OutputStream sink;
        private final OutputStream input;
        private final InputStream inner;

        private final ResultCallback.Adapter<WaitResponse> ofContainer = new ResultCallback.Adapter<>() {
            @Override
            public void onNext(WaitResponse ended) {
                end();
            }

            @Override
            public void onError(Throwable failure) {
                // The engine is gone, or the container; the program's own stream says so, too.
                log.debug("a container's end was not seen: {}", failure.toString());
            }
        };

        private Streams(Pipe out, Pipe in) {
            this.output = Channels.newInputStream(out.source());
            this.sink = Channels.newOutputStream(out.sink());
            this.input = Channels.newOutputStream(in.sink());
            this.inner = new UntilEnd(Channels.newInputStream(in.source()));
        }

        static Streams of(DockerClient client, String container, String exec) {
            try {
                Pipe in = Pipe.open();
                Streams streams = new Streams(Pipe.open(), in);
                client.execStartCmd(exec)
                        .withDetach(false)
                        .withStdIn(streams.inner)
                        .exec(streams);
                // There are engines that do not tell of a program's end when it is the container's.
                client.waitContainerCmd(container).exec(streams.ofContainer);
                return streams;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public InputStream output() {
            return output;
        }

        @Override
        public OutputStream input() {
            return input;
        }

        @Override
        public void onNext(Frame frame) {
            try {
                if (frame.getStreamType() == StreamType.STDERR) {
                    log.warn("{}", new String(frame.getPayload(), StandardCharsets.UTF_8).strip());
                } else {
                    sink.write(frame.getPayload());
                }
            } catch (IOException e) {
                close();
            }
        }

        @Override
        public void onError(Throwable failure) {
            log.debug("a program in a container was lost: {}", failure.toString());
            end();
            super.onError(failure);
        }

        @Override
        public void onComplete() {
            end();
            super.onComplete();
        }

        private void end() {
            try {
                sink.close();
            } catch (IOException e) {
                log.debug("a pipe did not close: {}", e.toString());
            }
        }

        @Override
        public void close() {
            try {
                input.close();
                sink.close();
                ofContainer.close();
                super.close();
            } catch (IOException e) {
                log.debug("the streams of a program in a container did not close: {}", e.toString());
            }
        }
    }

    /** Closed when nothing more comes: the client only reads. */
    private static final class UntilEnd extends FilterInputStream {
        UntilEnd(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            int count = super.read(into, offset, length);
            if (count < 0) {
                close();
            }
            return count;
        }
    }

    /** Not by the client's own limit, which does not hold for unix sockets. An interrupt ends the connection. */
    private <T> T asked(Supplier<T> question) {
        FutureTask<T> answer = new FutureTask<>(question::get);
        Thread asking = Thread.ofVirtual().name("engine").start(answer);
        try {
            return answer.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            asking.interrupt();
            throw silent("nothing came within " + patience.toMillis() + " ms", e);
        } catch (InterruptedException e) {
            asking.interrupt();
            Thread.currentThread().interrupt();
            throw silent("interrupted", e);
        } catch (ExecutionException e) {
            throw failed(Optional.ofNullable(e.getCause()).orElse(e));
        }
    }

    private IsolationException failed(Throwable failure) {
        return switch (failure) {
            case IsolationException e -> e;
            case DockerException e ->
                new IsolationException(
                        new Finding(
                                "the container engine refused",
                                e.getHttpStatus() + ": "
                                        + String.valueOf(e.getMessage()).strip(),
                                "Look into the engine's log; `cloister doctor` says whether it works at all."),
                        e);
            default -> silent(String.valueOf(root(failure)), failure);
        };
    }

    private IsolationException silent(String why, Throwable cause) {
        return new IsolationException(
                new Finding(
                        "no container engine answers at " + socket,
                        why,
                        "Start Docker or Podman's service there, let the server's user use the socket, or name another"
                                + " by container.engine."),
                cause);
    }

    private static Throwable root(Throwable failure) {
        Throwable found = failure;
        for (@Nullable Throwable cause = failure.getCause(); cause != null; cause = cause.getCause()) {
            found = cause;
        }
        return found;
    }

    @Override
    public void close() {
        try {
            client.close();
        } catch (IOException e) {
            log.debug("the engine's client did not close: {}", e.toString());
        }
    }
}
