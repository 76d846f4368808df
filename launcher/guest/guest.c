/*
 * cloister-guest: runs launchers where the server itself cannot: in a container or a virtual machine. Everything goes through one
 * stream of bytes, which it reads on standard input and writes on standard output.
 *
 * It guarantees:
 *   1. With --alone, where it has the process table of a container or a machine to itself: what was left from an earlier stream is
 *      killed, and /tmp and /dev/shm are emptied, before this one is served, and everything is killed when it ends. Without, launchers end
 *      what they started when this ends.
 *   2. Each launcher has its own standard streams and a connection to report by, and no other descriptor.
 *   3. When a launcher ends that did not say how, what it watched over comes to this process, and is killed before the end is told.
 *   4. In a machine, what a launcher's command wrote to the tenant's disk is there when its end is told.
 *   5. No more than a window of each stream is ever kept here: who does not read holds up that stream, and no other.
 *
 * As `/init` of a virtual machine it is the first process there (machine.c). `cloister-guest --rest` is the first process of a
 * container: it reaps, and does nothing else. For a host that starts machines (host.c), `cloister-guest --counter` says what one without
 * a clock to compare with is to be told, and `cloister-guest --memory FILE PROGRAM ARGUMENTS` runs a program with a copy of a machine's
 * memory.
 *
 * Frames, both ways: the number of the conversation (four bytes), the kind (one), the length of what follows (three), all with the
 * most significant byte first. Streams: '0' standard input, '1' output, '2' errors, '3' the launcher's report; for a connection '0'
 * to it and '1' from it. A stream's frame without content is its end.
 *   server  'S' argument NUL argument NUL …: start a launcher
 *           'C' port (two bytes): connect to that port of the loopback device
 *           'F' port (two bytes), path: lead that port of the loopback device to a unix socket
 *           'M' how much memory does the launcher take with all it started?
 *           'E' stream: nobody reads that output any more
 *           'K' kill the launcher, or give the connection up
 *   guest   'H' version, in digits, and a number: the first frame
 *           'O' the connection stands, the port leads there
 *           'M' kibibytes, in digits
 *           'X' over: digits, the launcher's wait status or an error number. Of a launcher outputs may still come, of a connection
 *           nothing does
 *   both    'W' stream, count (four bytes): so much of it was taken, and as much may come
 */
#include "guest.h"

enum { VERSION = 1, WINDOW = 256 << 10, MOST_PAYLOAD = 4 << 20, PIECE = 32 << 10, STREAMS = 4, STRAY_MS = 5 };
enum kind { LAUNCHER, CONNECTION, FORWARDER, LISTENER };

/* One direction of one stream. Towards a process bytes wait in `kept`; from it none do. */
struct stream { int fd; bool inward, ended; unsigned char *kept; size_t from, to; unsigned window; };
struct talk { unsigned id; enum kind kind; pid_t pid; bool reaped, told; int status; struct stream streams[STREAMS]; struct talk *next; };

static struct talk *talks;
static bool alone, machine;
static bool strays; /* a launcher ended without a word */

_Noreturn void fail(enum stage stage, const char *detail) {
  dprintf(STDERR_FILENO, "cloister-guest: %d %s: %s\n", (int)stage, detail, strerror(errno));
  _exit(1);
}

/* Kills all that can be killed from here, but this process and the first of its namespace. On a host that would be the host. */
void end_everything(void) {
  if (!alone) return;
  do kill(-1, SIGKILL); while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

static _Noreturn void leave(int code) {
  end_everything();
  _exit(code);
}

static void put(unsigned char *at, unsigned long value, int bytes) {
  while (bytes-- > 0) at[bytes] = (unsigned char)value, value >>= 8;
}

unsigned long get(const unsigned char *at, int bytes) {
  unsigned long value = 0;
  while (bytes-- > 0) value = value << 8 | *at++;
  return value;
}

/* Waits for the server: it takes what comes at any time, because no stream sends more than its window. */
static void send_all(const void *bytes, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t n = write(STDOUT_FILENO, (const char *)bytes + sent, length - sent);
    if (n > 0) sent += (size_t)n;
    else if (errno != EINTR) leave(0);
  }
}

void send_frame(unsigned char *frame, unsigned id, char kind, size_t length) {
  put(frame, id, 4);
  frame[4] = (unsigned char)kind;
  put(frame + 5, length, 3);
  send_all(frame, HEADER + length);
}

void say(unsigned id, char kind, const char *text) {
  unsigned char frame[HEADER + 32];
  size_t length = strnlen(text, sizeof frame - HEADER);
  memcpy(frame + HEADER, text, length);
  send_frame(frame, id, kind, length);
}

void say_number(unsigned id, char kind, long number) {
  char text[24];
  snprintf(text, sizeof text, "%ld", number);
  say(id, kind, text);
}

static void receive(unsigned char *into, size_t wanted) {
  for (size_t have = 0; have < wanted;) {
    ssize_t n = read(STDIN_FILENO, into + have, wanted - have);
    if (n == 0 || (n < 0 && errno != EINTR)) leave(0);
    if (n > 0) have += (size_t)n;
  }
}

/* --- Streams -------------------------------------------------------------------------------------------------------- */

static void close_stream(struct stream *stream) {
  free(stream->kept);
  stream->kept = NULL;
  if (stream->fd >= 0) close(stream->fd);
  stream->fd = -1;
}

static void open_stream(struct stream *stream, int fd, bool inward) {
  *stream = (struct stream){.fd = fd, .inward = inward, .window = WINDOW};
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

static bool is_for_later(void) {
  return errno == EAGAIN || errno == EINTR;
}

/* The report goes both ways over one descriptor; what the server says there is short, and is written at once. */
static void take_order(struct talk *talk, const unsigned char *bytes, size_t length) {
  struct stream *report = &talk->streams[3];
  for (size_t sent = 0; report->fd >= 0 && sent < length;) {
    ssize_t n = send(report->fd, bytes + sent, length - sent, MSG_NOSIGNAL);
    struct pollfd room = {report->fd, POLLOUT, 0};
    if (n > 0) sent += (size_t)n;
    else if (!is_for_later() || poll(&room, 1, 1000) <= 0) return;
  }
}

static void write_on(struct talk *talk, unsigned number) {
  struct stream *stream = &talk->streams[number];
  while (stream->from < stream->to) {
    ssize_t n = write(stream->fd, stream->kept + stream->from, stream->to - stream->from);
    if (n < 0 && is_for_later()) return;
    /* Nobody reads there any more; the server need not know, but it must not wait either. */
    size_t taken = n > 0 ? (size_t)n : stream->to - stream->from;
    stream->from += taken;
    unsigned char frame[HEADER + 5];
    frame[HEADER] = (unsigned char)('0' + number);
    put(frame + HEADER + 1, taken, 4);
    send_frame(frame, talk->id, 'W', 5);
  }
  stream->from = stream->to = 0;
  if (!stream->ended) return;
  /* A connection has one descriptor for both ways. */
  if (talk->kind == CONNECTION) shutdown(stream->fd, SHUT_WR);
  close_stream(stream);
}

static void take_input(struct talk *talk, unsigned number, const unsigned char *bytes, size_t length) {
  struct stream *stream = &talk->streams[number];
  if (stream->fd < 0 || !stream->inward) return;
  if (!stream->kept && !(stream->kept = malloc(WINDOW))) fail(STAGE_CONTROL, "memory");
  if (stream->from > 0) memmove(stream->kept, stream->kept + stream->from, stream->to - stream->from);
  stream->to -= stream->from;
  stream->from = 0;
  /* The server promised not to send more than the window. */
  if (length > WINDOW - stream->to) errno = EPROTO, fail(STAGE_CONTROL, "window");
  memcpy(stream->kept + stream->to, bytes, length);
  stream->to += length;
  stream->ended |= length == 0;
  write_on(talk, number);
}

static void read_on(struct talk *talk, unsigned number) {
  static unsigned char frame[HEADER + PIECE];
  struct stream *stream = &talk->streams[number];
  size_t room = stream->window < PIECE ? stream->window : PIECE;
  ssize_t n = room > 0 ? read(stream->fd, frame + HEADER, room) : -1;
  if (room == 0 || (n < 0 && is_for_later())) return;
  if (n <= 0) close_stream(stream);
  if (n > 0) stream->window -= (unsigned)n;
  send_frame(frame, talk->id, (char)('0' + number), n > 0 ? (size_t)n : 0);
}

/* --- Conversations -------------------------------------------------------------------------------------------------- */

static struct talk *find(unsigned id) {
  struct talk *talk = talks;
  while (talk && talk->id != id) talk = talk->next;
  return talk;
}

static struct talk *begin(unsigned id, enum kind kind) {
  struct talk *talk = calloc(1, sizeof *talk);
  if (!talk) fail(STAGE_CONTROL, "memory");
  *talk = (struct talk){.id = id, .kind = kind, .next = talks};
  for (int i = 0; i < STREAMS; i++) talk->streams[i].fd = -1;
  return talks = talk;
}

static void end(struct talk *over) {
  struct talk **at = &talks;
  while (*at != over) at = &(*at)->next;
  *at = over->next;
  for (int i = 0; i < STREAMS; i++) close_stream(&over->streams[i]);
  free(over);
}

static _Noreturn void run(char **argv, const int fds[STREAMS]) {
  enum { REPORT = 3 };
  /* Above those that they are to have. */
  int kept[STREAMS];
  for (int i = 0; i < STREAMS; i++) kept[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 16);
  for (int i = 0; i < STREAMS; i++) if (dup2(kept[i], i) != i) _exit(126);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  char *environment[] = {"PATH=/usr/bin:/bin", NULL};
  execve(argv[0], argv, environment);
  _exit(127);
}

static void start(unsigned id, char *arguments, size_t length) {
  static char *argv[1 << 12];
  size_t count = 0;
  for (char *at = arguments; at < arguments + length && count < sizeof argv / sizeof *argv - 1; at += strlen(at) + 1) argv[count++] = at;
  argv[count] = NULL;
  /* Of each pair the first is the launcher's. */
  int pairs[STREAMS][2] = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}}, from[2];
  bool made = pipe2(pairs[0], O_CLOEXEC) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[3]) == 0;
  for (int i = 1; i <= 2 && made; i++) {
    made = pipe2(from, O_CLOEXEC) == 0;
    if (made) pairs[i][0] = from[1], pairs[i][1] = from[0];
  }
  pid_t pid = made && count > 0 ? fork() : -1;
  if (pid == 0) run(argv, (const int[]){pairs[0][0], pairs[1][0], pairs[2][0], pairs[3][0]});
  if (pid < 0) say_number(id, 'X', -errno);
  struct talk *talk = pid < 0 ? NULL : begin(id, LAUNCHER);
  if (talk) talk->pid = pid;
  for (int i = 0; i < STREAMS; i++) {
    if (pairs[i][0] >= 0) close(pairs[i][0]);
    if (talk) open_stream(&talk->streams[i], pairs[i][1], i == 0);
    else if (pairs[i][1] >= 0) close(pairs[i][1]);
  }
}

static void reach(unsigned id, const unsigned char *port) {
  int fd = connect_inside(port[0], port[1]);
  if (fd < 0) {
    say_number(id, 'X', errno);
    return;
  }
  struct talk *talk = begin(id, CONNECTION);
  open_stream(&talk->streams[0], dup(fd), true);
  open_stream(&talk->streams[1], fd, false);
  say(id, 'O', "");
}

void serve_socket(unsigned id, int listener) {
  open_stream(&begin(id, LISTENER)->streams[1], listener, false);
}

/* The upper half of all numbers are conversations that begin here. */
static void take_connection(const struct talk *listener) {
  static unsigned last = 1U << 31;
  unsigned char frame[HEADER + 4];
  int fd = accept4(listener->streams[1].fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  put(frame + HEADER, listener->id, 4);
  struct talk *talk = begin(++last | 1U << 31, CONNECTION);
  open_stream(&talk->streams[0], dup(fd), true);
  open_stream(&talk->streams[1], fd, false);
  send_frame(frame, talk->id, 'A', 4);
}

/* A process of its own, ended with the conversation. */
static void lead(unsigned id, unsigned port, const char *path) {
  struct options options = {.forward_port = port, .forward_path = path};
  char *argv[] = {"cloister-guest", NULL};
  begin(id, FORWARDER)->pid = start_forward(&options, -1, argv);
  say(id, 'O', "");
}

struct process { pid_t pid, parent; char state; };

/* The next one of /proc, from /proc/PID/stat: "pid (name) state parent …". False: there is none. */
static bool read_process(DIR *proc, struct process *next) {
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    char path[300], line[512];
    int file = -1;
    ssize_t n = -1;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) n = read(file, line, sizeof line - 1);
    if (file >= 0) close(file);
    line[n > 0 ? n : 0] = '\0';
    const char *behind_name = strrchr(line, ')');
    next->pid = atoi(entry->d_name);
    if (behind_name && sscanf(behind_name + 1, " %c %d", &next->state, &next->parent) == 2) return true;
  }
  return false;
}

/* Proportional set sizes of the launcher and of all that descends from it, in KiB. */
static void measure(unsigned id, pid_t root) {
  enum { MOST = 1 << 12 };
  static pid_t pids[MOST], parents[MOST];
  static bool ours[MOST];
  size_t count = 0;
  DIR *proc = opendir("/proc");
  for (struct process next; count < MOST && read_process(proc, &next); count++) {
    pids[count] = next.pid;
    parents[count] = next.parent;
    ours[count] = next.pid == root;
  }
  if (proc) closedir(proc);
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j < count && !ours[i]; j++) if (ours[j] && pids[j] == parents[i]) ours[i] = more = true;
  }
  long total = 0;
  for (size_t i = 0; i < count; i++) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pids[i]);
    FILE *file = ours[i] ? fopen(path, "re") : NULL;
    long size = 0;
    while (file && fgets(line, sizeof line, file)) if (sscanf(line, "Pss: %ld", &size) == 1) break;
    if (file) fclose(file);
    total += size;
  }
  say_number(id, 'M', total);
}

static void widen(struct talk *talk, const unsigned char *payload) {
  unsigned number = (unsigned)payload[0] - '0', count = (unsigned)get(payload + 1, 4);
  if (number >= STREAMS || count > WINDOW - talk->streams[number].window) errno = EPROTO, fail(STAGE_CONTROL, "window");
  talk->streams[number].window += count;
}

static void give_up(struct talk *talk) {
  if (talk->kind == CONNECTION) say_number(talk->id, 'X', 0);
  if (talk->kind == CONNECTION || talk->kind == LISTENER || talk->told) end(talk);
  else if (!talk->reaped) kill(talk->pid, SIGKILL);
}

/* The server's word; nobody else can write there. */
static void obey(void) {
  static unsigned char payload[MOST_PAYLOAD + 1];
  unsigned char header[HEADER];
  receive(header, sizeof header);
  unsigned id = (unsigned)get(header, 4);
  size_t length = get(header + 5, 3);
  char kind = (char)header[4];
  if (length > MOST_PAYLOAD) errno = EMSGSIZE, fail(STAGE_CONTROL, "frame");
  receive(payload, length);
  payload[length] = '\0';
  struct talk *talk = find(id);
  if (kind == 'S' && !talk) start(id, (char *)payload, length);
  else if (kind == 'C' && !talk && length == 2) reach(id, payload);
  else if (kind == 'F' && !talk && length > 2) lead(id, (unsigned)get(payload, 2), (char *)payload + 2);
  else if (machine && !talk && machine_obey(id, kind, payload, length)) return;
  /* It is over already, which the server is about to read. */
  else if (!talk) return;
  else if (kind == '0') take_input(talk, 0, payload, length);
  else if (kind == '3') take_order(talk, payload, length);
  else if (kind == 'E' && length == 1 && payload[0] > '0' && payload[0] < '0' + STREAMS) close_stream(&talk->streams[payload[0] - '0']);
  else if (kind == 'W' && length == 5) widen(talk, payload);
  else if (kind == 'M') measure(id, talk->pid);
  else if (kind == 'K') give_up(talk);
  else errno = EPROTO, fail(STAGE_CONTROL, "frame");
}

/* --- Ends ----------------------------------------------------------------------------------------------------------- */

static bool is_ours(pid_t pid) {
  for (struct talk *talk = talks; talk; talk = talk->next) if (talk->pid == pid && !talk->reaped) return true;
  return false;
}

/* Kills the children that nobody watches over. What they started comes here next. Returns whether there were any. */
static bool end_strays(void) {
  bool found = false;
  DIR *proc = opendir("/proc");
  for (struct process next; read_process(proc, &next);) {
    if (next.parent != getpid() || is_ours(next.pid) || next.state == 'Z') continue;
    found = true;
    kill(next.pid, SIGKILL);
  }
  if (proc) closedir(proc);
  return found;
}

static void reap(void) {
  int status;
  for (pid_t gone; (gone = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (struct talk *talk = talks; talk; talk = talk->next) {
      if (talk->pid != gone || talk->reaped) continue;
      talk->reaped = true;
      talk->status = status;
      strays |= talk->kind == LAUNCHER && !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
  }
}

/* A launcher is over when it is reaped and its report was passed on; its outputs may still be read. A connection when both ways are. */
static void tell_ends(void) {
  for (struct talk *talk = talks, *next; talk; talk = next) {
    next = talk->next;
    bool outputs = talk->streams[1].fd >= 0 || talk->streams[2].fd >= 0;
    bool over = talk->kind == CONNECTION ? !outputs && talk->streams[0].fd < 0 : talk->reaped && talk->streams[3].fd < 0;
    /* A disk that fails now says so to whoever uses it next; here nobody could be told. */
    if (machine && over && !talk->told && talk->kind == LAUNCHER) settle_disk();
    if (over && !talk->told) say_number(talk->id, 'X', talk->status);
    talk->told |= over;
    if (over && !outputs) end(talk);
  }
}

/* What is in memory is the last stream's, and takes that of this one. Neither directory itself can be removed. */
static void clear_tmp(void) {
  pid_t cleaner = alone ? fork() : -1;
  if (cleaner > 0) waitpid(cleaner, NULL, 0);
  if (cleaner != 0) return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  char *environment[] = {"PATH=/usr/bin:/bin", NULL};
  execle("/bin/sh", "sh", "-c", "chmod -R u+rwX /tmp /dev/shm; rm -rf /tmp /dev/shm", NULL, environment);
  _exit(127);
}

/* A container's first process is this program, and a machine's is it itself. */
static bool is_alone(void) {
  char name[32] = "";
  int file = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
  if (file < 0 || read(file, name, sizeof name - 1) < 0 || close(file) != 0) return false;
  return getpid() == 1 || strcmp(name, "cloister-guest\n") == 0;
}

/* --- The loop ------------------------------------------------------------------------------------------------------- */

static struct pollfd *watched;
static size_t room;

static void watch(size_t at, int fd, short events) {
  if (at >= room && !(watched = realloc(watched, (room = room * 2 + 64) * sizeof *watched))) fail(STAGE_CONTROL, "memory");
  watched[at] = (struct pollfd){fd, events, 0};
}

static short wanted(const struct stream *stream) {
  if (stream->fd < 0) return 0;
  if (stream->inward) return stream->from < stream->to ? POLLOUT : 0;
  return stream->window > 0 ? POLLIN : 0;
}

static _Noreturn void serve(int signals) {
  for (;;) {
    size_t count = 0;
    watch(count++, STDIN_FILENO, POLLIN);
    watch(count++, signals, POLLIN);
    for (struct talk *talk = talks; talk; talk = talk->next) {
      for (int i = 0; i < STREAMS; i++) {
        short events = wanted(&talk->streams[i]);
        watch(count++, events ? talk->streams[i].fd : -1, events);
      }
    }
    if (poll(watched, count, strays ? STRAY_MS : -1) < 0 && errno != EINTR) fail(STAGE_CONTROL, "poll");
    struct signalfd_siginfo seen;
    while (read(signals, &seen, sizeof seen) == sizeof seen) if (seen.ssi_signo == SIGTERM) leave(0);
    size_t at = 2;
    for (struct talk *talk = talks; talk; talk = talk->next) {
      for (unsigned i = 0; i < STREAMS; i++) {
        if (!watched[at++].revents || talk->streams[i].fd < 0) continue;
        if (talk->kind == LISTENER) take_connection(talk);
        else if (talk->streams[i].inward) write_on(talk, i);
        else read_on(talk, i);
      }
    }
    reap();
    if (strays) strays = end_strays();
    /* After the streams, because it changes the conversations; before their ends, which may come by it and by nothing after it. */
    if (watched[0].revents) obey();
    if (!strays) tell_ends();
  }
}

static _Noreturn void rest(int signals) {
  for (struct signalfd_siginfo seen;;) {
    struct pollfd on = {signals, POLLIN, 0};
    poll(&on, 1, -1);
    while (read(signals, &seen, sizeof seen) == sizeof seen) if (seen.ssi_signo == SIGTERM) _exit(0);
    while (waitpid(-1, NULL, WNOHANG) > 0) continue;
  }
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--counter") == 0) return printf("%ld\n", counter_rate()) < 0;
  if (argc > 3 && strcmp(argv[1], "--memory") == 0) run_with_memory(argv[2], argv + 3);
  machine = getpid() == 1 && strcmp(argv[0], "/init") == 0;
  int number = machine ? be_machine() : 0;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail(STAGE_INIT, "signalfd");
  if (argc > 1 && strcmp(argv[1], "--rest") == 0) rest(signals);
  signal(SIGPIPE, SIG_IGN);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail(STAGE_PARENT, "subreaper");
  alone = machine || (argc > 1 && strcmp(argv[1], "--alone") == 0);
  if (alone && !is_alone()) errno = EPERM, fail(STAGE_PARENT, "--alone, and process 1 is another program");
  end_everything();
  if (!machine) clear_tmp();
  char hello[32];
  snprintf(hello, sizeof hello, "%d %d", VERSION, number);
  say(0, 'H', hello);
  serve(signals);
}
