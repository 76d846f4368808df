package dev.cloister.cli.bench;

import dev.cloister.cli.bench.SessionClient.Answer;
import dev.cloister.cli.bench.SoakTally.Count;
import dev.cloister.cli.demo.Client;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * One client of a soak, with sessions of its own, so that it knows what each has to remember. What it does is drawn; what
 * comes back is checked. Used by one thread.
 */
final class SoakClient {
    private static final int MOST_SESSIONS = 3;
    private static final int MOST_TURNS = 25;
    private static final long PATIENCE = Duration.ofSeconds(90).toNanos();
    private static final Duration PAUSE = Duration.ofMillis(200);
    private static final int TRIES = 5;

    /** Milliseconds after which a turn or command is broken off, at most. */
    private static final int LATEST_END = 3000;

    private static final String SESSIONS = "/v1/sessions";

    private static final class Talk {
        final String session;
        final Set<String> answered = new LinkedHashSet<>();
        int turns;

        Talk(String session) {
            this.session = session;
        }
    }

    private final int number;
    private final String token;
    private final Random random;
    private final SessionClient http;
    private final SoakUpstream upstream;
    private final SoakTally tally;
    private final List<Talk> talks = new ArrayList<>();
    private int words;

    SoakClient(int number, String token, long seed, SessionClient http, SoakUpstream upstream, SoakTally tally) {
        this.number = number;
        this.token = token;
        this.random = new Random(seed);
        this.http = http;
        this.upstream = upstream;
        this.tally = tally;
    }

    /** Draws until the time has come. */
    void work(long deadline) throws InterruptedException {
        while (System.nanoTime() < deadline) {
            guarded(this::one);
        }
    }

    /** Asks every session once more. */
    void finish() throws InterruptedException {
        for (Talk talk : List.copyOf(talks)) {
            guarded(() -> {
                lastTurn(talk);
                tally.count(Count.CHECKED);
                return true;
            });
        }
    }

    private void guarded(Callable<Boolean> action) throws InterruptedException {
        try {
            action.call();
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception e) {
            fail("a request failed: " + e);
            Pause.of(PAUSE);
        }
    }

    private void fail(String what) {
        tally.fail("client %d of %s: %s".formatted(number, token, what));
    }

    private boolean one() throws IOException, InterruptedException {
        int drawn = random.nextInt(100);
        if (drawn < 45) {
            say(talks.isEmpty() ? opened() : drawnTalk());
        } else if (drawn < 55) {
            begin();
        } else if (drawn < 62) {
            makeRoom();
            talks.add(opened());
            Pause.ofMillis(random.nextInt(1000));
        } else if (drawn < 78) {
            exec();
        } else if (drawn < 86) {
            cancelled(talks.isEmpty() ? opened() : drawnTalk());
        } else if (drawn < 94) {
            leaveTurn(talks.isEmpty() ? opened() : drawnTalk());
        } else {
            leaveExec();
        }
        return true;
    }

    private Talk drawnTalk() throws IOException, InterruptedException {
        Talk talk = talks.get(random.nextInt(talks.size()));
        if (talk.turns >= MOST_TURNS) {
            retire(talk);
            return opened();
        }
        return talk;
    }

    private String nextWord() {
        return SoakUpstream.word(number, words++);
    }

    private void makeRoom() throws IOException, InterruptedException {
        while (talks.size() >= MOST_SESSIONS) {
            retire(talks.getFirst());
        }
    }

    private void retire(Talk talk) throws IOException, InterruptedException {
        lastTurn(talk);
        HttpResponse<String> deleted =
                http.send("DELETE", token, SESSIONS + "/" + talk.session, SessionClient.nothing());
        if (deleted.statusCode() == 204) {
            tally.count(Count.RETIRED);
        } else {
            fail("session %s was not deleted: HTTP %d %s"
                    .formatted(talk.session, deleted.statusCode(), deleted.body()));
        }
        talks.remove(talk);
    }

    /** A session that answered before has to answer once more. */
    private void lastTurn(Talk talk) throws IOException, InterruptedException {
        for (int i = 0; i < TRIES; i++) {
            if (say(talk)) {
                return;
            }
        }
        tally.lose(talk.session);
    }

    /** Opens a session ahead of its first turn; it is not among those of this client yet. */
    private Talk opened() throws IOException, InterruptedException {
        ObjectNode body = JsonMapper.shared().createObjectNode().put("model", Client.MODEL);
        HttpResponse<String> answer = http.send("POST", token, SESSIONS, body);
        if (answer.statusCode() != 201) {
            throw new IOException("POST " + SESSIONS + ": HTTP " + answer.statusCode() + " " + answer.body());
        }
        tally.count(Count.SESSIONS);
        return new Talk(JsonMapper.shared().readTree(answer.body()).path("id").asString());
    }

    private ObjectNode message(Talk talk, String text) {
        return SessionClient.message(talk.session, text, random.nextBoolean());
    }

    private String text(String word) {
        return random.nextInt(4) > 0 ? word : script("echo " + word);
    }

    private static String script(String command) {
        ObjectNode step = JsonMapper.shared().createObjectNode().put("tool", "Bash");
        step.putObject("input").put("command", command).put("description", "soak");
        return "```script\n[" + step + "]\n```";
    }

    /** @return whether it was answered */
    private boolean say(Talk talk) throws IOException, InterruptedException {
        String word = nextWord();
        ObjectNode message = message(talk, text(word));
        long from = System.nanoTime();
        Answer answer = patient(message);
        join(talk);
        return check(talk, word, answer, from);
    }

    /** A turn in a session that it makes. */
    private void begin() throws IOException, InterruptedException {
        makeRoom();
        String word = nextWord();
        long from = System.nanoTime();
        Answer answer = patient(message(new Talk(""), text(word)));
        Talk talk = new Talk(answer.session());
        if (check(talk, word, answer, from)) {
            talks.add(talk);
        }
    }

    private void join(Talk talk) {
        if (!talks.contains(talk)) {
            talks.add(talk);
        }
    }

    /** Sends a message again as long as the server says that it may go well later. */
    private Answer patient(ObjectNode message) throws IOException, InterruptedException {
        long deadline = System.nanoTime() + PATIENCE;
        while (true) {
            Answer answer = http.turn(token, message);
            if (!answer.isRefused() || System.nanoTime() > deadline) {
                return answer;
            }
            tally.count(Count.REFUSALS);
            Pause.of(PAUSE);
        }
    }

    private boolean check(Talk talk, String word, Answer answer, long from) {
        talk.turns++;
        Set<String> held = upstream.conversation(word);
        if (!answer.isWhole()) {
            if (tally.wasKilled(talk.session, from, System.nanoTime())) {
                tally.count(Count.BROKEN);
            } else {
                fail("a turn of session " + talk.session + " failed: " + answer.error());
            }
            return false;
        }
        if (!answer.text().contains(word)) {
            fail("session %s answered \"%s\" where %s was expected".formatted(talk.session, answer.text(), word));
        }
        Set<String> missing = new LinkedHashSet<>(talk.answered);
        missing.removeAll(held);
        if (!missing.isEmpty()) {
            fail("session %s has forgotten %s of %s".formatted(talk.session, missing, talk.answered));
            tally.lose(talk.session);
            talk.answered.removeAll(missing);
        }
        talk.answered.add(word);
        tally.count(Count.TURNS);
        return true;
    }

    private void exec() throws IOException, InterruptedException {
        String word = nextWord();
        ObjectNode body = Client.command(List.of("/bin/sh", "-c", "echo " + word), Map.of());
        HttpResponse<String> answer = http.send("POST", token, "/v1/exec", body);
        if (answer.statusCode() == 200
                && JsonMapper.shared()
                        .readTree(answer.body())
                        .path("stdout")
                        .asString("")
                        .equals(word + "\n")) {
            tally.count(Count.EXECS);
        } else {
            fail("a command: HTTP " + answer.statusCode() + " " + answer.body());
        }
    }

    private int someTime() {
        return 20 + random.nextInt(LATEST_END);
    }

    /** A turn that would take long; interrupted as soon as the server says that it works, after a while. */
    private void cancelled(Talk talk) throws IOException, InterruptedException {
        String word = nextWord();
        ObjectNode message = message(talk, slow(word));
        int after = someTime();
        long from = System.nanoTime();
        FutureTask<Answer> turn = new FutureTask<>(() -> patient(message));
        Thread thread =
                Thread.ofPlatform().daemon(true).name("soak-turn-" + number).start(turn);
        try {
            Pause.ofMillis(after);
            while (!turn.isDone() && !interrupt(talk)) {
                Pause.of(PAUSE);
            }
            Answer answer = turn.get();
            join(talk);
            if (answer.isCancelled()) {
                talk.turns++;
                tally.count(Count.CANCELS);
            } else {
                check(talk, word, answer, from);
            }
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        } finally {
            thread.interrupt();
        }
    }

    private boolean interrupt(Talk talk) throws IOException, InterruptedException {
        HttpResponse<String> answer =
                http.send("POST", token, SESSIONS + "/" + talk.session + "/interrupt", SessionClient.nothing());
        JsonNode body = JsonMapper.shared().readTree(answer.body());
        if (answer.statusCode() != 200) {
            throw new IOException("interrupt: HTTP " + answer.statusCode() + " " + answer.body());
        }
        return body.path("interrupted").asBoolean();
    }

    /** Half of the time in the upstream, half in a tool. */
    private String slow(String word) {
        return random.nextBoolean()
                ? "```script\n[{\"text\":\"" + word + "\",\"chunks\":5,\"chunk_delay_ms\":4000}]\n```"
                : script("sleep 20; echo " + word);
    }

    private void leaveTurn(Talk talk) throws IOException, InterruptedException {
        String word = nextWord();
        long from = System.nanoTime();
        ObjectNode message = message(talk, slow(word));
        int status = http.abandon(token, "/v1/messages", message, Duration.ofMillis(someTime()));
        join(talk);
        talk.turns++;
        switch (status) {
            case 0, 200 -> tally.count(Count.DISCONNECTS);
            case 409, 429, 529 -> tally.count(Count.REFUSALS);
            default -> {
                if (!tally.wasKilled(talk.session, from, System.nanoTime())) {
                    fail("a turn of session " + talk.session + " to be left failed: HTTP " + status);
                }
            }
        }
    }

    private void leaveExec() throws IOException, InterruptedException {
        ObjectNode body = Client.command(List.of("/bin/sh", "-c", "sleep 600 & sleep 600"), Map.of())
                .put("stream", random.nextBoolean());
        int status = http.abandon(token, "/v1/exec", body, Duration.ofMillis(someTime()));
        if (status == 0 || status == 200) {
            tally.count(Count.DISCONNECTS);
        } else {
            fail("a command to be left failed: HTTP " + status);
        }
    }
}
