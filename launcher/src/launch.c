/*
 * cloister-launch: starts one command behind the walls that its options name, and stays as long as the command's processes do.
 *
 * It guarantees:
 *   1. The command runs only if every layer that was asked for is in place. The first one that is not ends the launch, and the
 *      server is told which and why: "failed STAGE ERRNO DETAIL". Else it is told "started", before the command's first instruction.
 *   2. The layers come in the order of `confine`: control groups, namespaces, id maps, new root, loopback, limits, ids,
 *      capabilities, no_new_privs, Landlock, seccomp. No step has more privilege than it needs, and none comes back.
 *   3. When the command ends, when the server asks for it or when the server dies, every process that the command left is
 *      killed. With a pid namespace the kernel does it; without one the monitor does, as the reaper of all that descends from
 *      it. Only then is the end told: "exited CODE", "signalled SIGNAL" or "ended".
 *   4. The command gets the three standard descriptors and no other, a session of its own, default signals, and only the
 *      environment that it was given.
 *   5. This process, the monitor, keeps the server's uid, out of reach of a tenant with another, and three of root's
 *      capabilities.
 *
 * Two to four processes: the monitor; in a pid namespace an init, and with --forward one that leads a port of its loopback
 * device to a unix socket; the target. Until the target's exec only code of this program
 * runs. The server talks over a unix socket: it sends the environment (a length of four bytes, most significant first, then
 * NAME=VALUE, each ended by a NUL), later 'T' (TERM to the command) or 'K' (end everything); its end of file means 'K'. With
 * --inherited the connection is descriptor 3. Without either there is no server: failures go to standard error, the environment is that of --setenv, and the exit status is the
 * command's.
 */
#include "launch.h"

#define NAME(id, name) name,
static const char *const stage_names[] = {STAGES(NAME)};
enum { WRONG_OPTIONS = 64, REFUSED = 125, CANNOT_ENTER = 126, CANNOT_RUN = 127, MOST_ENVIRONMENT = 8 << 20, PATIENCE_MS = 2000, DETAIL = 200 };
/* A cgroup namespace begins at the group that its maker is in, which the child joins first; and gVisor gives a mount namespace
   to its maker's user namespace. */
enum { LATE = CLONE_NEWNS | CLONE_NEWCGROUP };
struct failure { int stage, error; char detail[DETAIL]; };

static struct options options;
static int server = -1;       /* the connection to the server */
static int complaints = STDERR_FILENO;
static int lifeline_of_init = -1;
static int failure_pipe = -1; /* in the child: where a failure is written */
static char *environment_block; /* where the target puts what it received */
static size_t environment_length;

/* One line to the server. If it is gone, this process is about to end anyway. */
static void tell(const char *line) {
  if (server >= 0 && write(server, line, strlen(line)) < 0) return;
}

static _Noreturn void refuse(const struct failure *failure) {
  char line[DETAIL + 64];
  snprintf(line, sizeof line, "failed %s %d %s\n", stage_names[failure->stage], failure->error, failure->detail);
  tell(line);
  if (server < 0) dprintf(complaints, "cloister-launch: %s", line);
  _exit(REFUSED);
}

_Noreturn void fail(enum stage stage, const char *detail) {
  struct failure failure = {.stage = stage, .error = errno};
  snprintf(failure.detail, sizeof failure.detail, "%s", detail);
  for (char *c = failure.detail; *c; c++) if (*c < ' ') *c = '?';
  if (failure_pipe < 0) refuse(&failure);
  _exit(write(failure_pipe, &failure, sizeof failure) < 0 ? REFUSED + 1 : REFUSED);
}

static void write_file(const char *path, const char *content, enum stage stage) {
  int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 || write(file, content, strlen(content)) != (ssize_t)strlen(content) || close(file) != 0) fail(stage, path);
}

static void connect_to_server(void) {
  if (options.inherited && fcntl(server = 3, F_SETFD, FD_CLOEXEC) != 0) fail(STAGE_CONTROL, "3");
  if (!options.control) return;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(options.control) >= sizeof address.sun_path) errno = ENAMETOOLONG, fail(STAGE_CONTROL, options.control);
  strcpy(address.sun_path, options.control);
  int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = connection >= 0 && connect(connection, (struct sockaddr *)&address, sizeof address) == 0;
  if (!connected) fail(STAGE_CONTROL, options.control);
  server = connection;
  tell(options.id);
  tell("\n");
}

static void receive(void *into, size_t wanted) {
  for (size_t have = 0; have < wanted;) {
    ssize_t n = read(server, (char *)into + have, wanted - have);
    if (n == 0) errno = ECONNRESET, fail(STAGE_ENVIRONMENT, "server");
    if (n < 0 && errno != EINTR) fail(STAGE_ENVIRONMENT, "server");
    if (n > 0) have += (size_t)n;
  }
}

/* The target's whole environment. It is read by the target itself: no privileged process ever holds a tenant's values. */
static void receive_environment(void) {
  unsigned char head[4] = {0};
  if (server >= 0) receive(head, sizeof head);
  size_t length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
  if (length > MOST_ENVIRONMENT) errno = E2BIG, fail(STAGE_ENVIRONMENT, "server");
  char *block = environment_block = calloc(environment_length = length + 1, 1);
  if (!block) fail(STAGE_ENVIRONMENT, "memory");
  receive(block, length);
  bool complete = clearenv() == 0;
  for (size_t i = 0; i < options.environment_count; i++) complete &= putenv((char *)options.environment[i]) == 0;
  for (size_t i = 0; i < length; i += strlen(block + i) + 1) complete &= putenv(block + i) == 0;
  if (!complete) fail(STAGE_ENVIRONMENT, "memory");
}

static void clear_environment_block(void) {
  if (environment_block) explicit_bzero(environment_block, environment_length);
  free(environment_block);
}

/* --- The child: confined, then init and target, or the target at once ------------------------------------------------ */

static _Noreturn void run_target(void) {
  receive_environment();
  sigset_t none;
  sigemptyset(&none);
  /* By the system call: the C library keeps two signals to itself, which whoever started us may have ignored. */
  unsigned long by_default[4] = {0};
  for (int number = 1; number < NSIG; number++) syscall(SYS_rt_sigaction, number, by_default, NULL, NSIG / 8);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid();
  umask(077);
  /* Here and not by the monitor: where both have the same uid, the command's first act may be to kill it. */
  tell("started\n");
  /* The caller's mistakes rather than layers that failed: told as a shell tells them. */
  bool entered = chdir(options.directory) == 0;
  if (entered) execvp(options.command[0], options.command);
  const char *verb = entered ? "run" : "enter", *what = entered ? options.command[0] : options.directory;
  dprintf(STDERR_FILENO, "cloister: cannot %s %s: %s\n", verb, what, strerror(errno));
  _exit(entered ? CANNOT_RUN : CANNOT_ENTER);
}

/* Only the target holds the pipes, so that who reads them sees its end; and nobody reads its arguments off another process. */
static void step_back(int null, char **argv) {
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  for (char **argument = argv + 1; *argument; argument++) memset(*argument, 0, strlen(*argument));
}

static int signal_descriptor(void) {
  sigset_t all;
  sigfillset(&all);
  int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) fail(STAGE_INIT, "signalfd");
  return fd;
}

static bool saw_term(int signals) {
  struct signalfd_siginfo seen;
  bool term = false;
  while (read(signals, &seen, sizeof seen) == sizeof seen) term |= seen.ssi_signo == SIGTERM;
  return term;
}

/* Linux ends a pid namespace with its init; gVisor does not, so here the init sees to it. What forks meanwhile comes to it. */
static _Noreturn void end_namespace(int code) {
  do kill(-1, SIGKILL); while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
  _exit(code);
}

/* Pid 1 of its namespace. The tenant inside can neither kill nor stop it. */
static _Noreturn void run_init(pid_t target, int report, int lifeline, int signals) {
  for (;;) {
    struct pollfd on[2] = {{signals, POLLIN, 0}, {lifeline, POLLIN, 0}};
    if (poll(on, 2, -1) < 0 && errno != EINTR) end_namespace(REFUSED);
    /* Nothing more is ever written there: it can only end, by the monitor or with it. */
    if (on[1].revents) end_namespace(REFUSED);
    if (saw_term(signals)) kill(target, SIGTERM);
    int status;
    for (pid_t gone; (gone = waitpid(-1, &status, WNOHANG)) > 0;) {
      if (gone == target) end_namespace(write(report, &status, sizeof status) == sizeof status ? 0 : REFUSED);
    }
  }
}

/* Everything between the clone and the target's first instruction, in this order. */
static _Noreturn void confine(int lifeline, int report, int null, int outside, char **argv) {
  char go;
  if (read(lifeline, &go, 1) != 1) _exit(REFUSED);
  bool user_namespace = options.namespaces & CLONE_NEWUSER;
  if (options.namespaces & LATE && unshare((int)(options.namespaces & LATE)) != 0) fail(STAGE_NAMESPACES, "unshare");
  /* In a user namespace the server's uid has no meaning, and files made under it are refused. */
  if (user_namespace) switch_ids(options.uid, options.gid, options.switch_ids);
  enter_root(&options);
  if (options.namespaces & CLONE_NEWNET) loopback_up();
  if (options.namespaces & CLONE_NEWUTS && sethostname("cloister", strlen("cloister")) != 0) fail(STAGE_HOSTNAME, "sethostname");
  set_limits(&options);
  if (options.switch_ids && !user_namespace) switch_ids(options.uid, options.gid, true);
  /* The kernel forgets it at every change of ids. An init has its lifeline, and ends others before itself. */
  if (!(options.namespaces & CLONE_NEWPID) && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(STAGE_PARENT, "pdeathsig");
  if (options.tmp && mkdir(options.tmp, 0700) != 0) fail(STAGE_TMP, options.tmp);
  drop_capabilities();
  forbid_new_privileges();
  restrict_files(&options);
  if (options.seccomp) filter_system_calls(options.seccomp_shared, !options.switch_ids);
  if (!(options.namespaces & CLONE_NEWPID)) run_target();
  /* The tenant has its uid, and must not look into it. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) fail(STAGE_INIT, "dumpable");
  int signals = signal_descriptor();
  if (options.forward_port || options.expose_path) start_forward(&options, outside, argv);
  /* Both have the same rights from here on, so they may share memory until the exec: a copy would cost a tenth of the launch. */
  pid_t target = vfork();
  if (target < 0) fail(STAGE_INIT, "fork");
  if (target == 0) run_target();
  clear_environment_block();
  step_back(null, argv);
  close(null);
  close(server);
  close(complaints);
  close(failure_pipe);
  run_init(target, report, lifeline, signals);
}

/* --- The monitor ---------------------------------------------------------------------------------------------------- */

static void join_cgroups(pid_t child) {
  char pid[16];
  snprintf(pid, sizeof pid, "%d", child);
  for (size_t i = 0; i < options.cgroup_count; i++) write_file(options.cgroups[i], pid, STAGE_CGROUP);
}

/* The one id means inside what it means outside, and no other id means anything. */
static void map_id(pid_t child, const char *file, unsigned id) {
  char path[64], map[64];
  snprintf(path, sizeof path, "/proc/%d/%s", child, file);
  snprintf(map, sizeof map, "%u %u 1\n", id, id);
  write_file(path, strcmp(file, "setgroups") == 0 ? "deny" : map, STAGE_ID_MAP);
}

static struct process { pid_t pid, parent; bool stopped, ours; } processes[1 << 15];

/* All processes but zombies, from /proc/PID/stat: "pid (name) state parent …". What does not fit is seen in the next round. */
static size_t read_processes(void) {
  size_t count = 0;
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc && (entry = readdir(proc)) && count < sizeof processes / sizeof *processes;) {
    char path[300], line[512], state = 'X';
    int parent = 0, file = -1;
    ssize_t n = -1;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) n = read(file, line, sizeof line - 1);
    if (file >= 0) close(file);
    line[n > 0 ? n : 0] = '\0';
    const char *behind_name = strrchr(line, ')');
    if (!behind_name || sscanf(behind_name + 1, " %c %d", &state, &parent) != 2 || state == 'Z' || state == 'X') continue;
    processes[count++] = (struct process){atoi(entry->d_name), parent, state == 'T', false};
  }
  if (proc) closedir(proc);
  return count;
}

/* One look at all that descends from the monitor. A fork bomb would outrun the kills; what is stopped cannot fork. So they are
   stopped until none is found that was not, and then killed. */
static void end_descendants(bool impatient) {
  size_t count = read_processes();
  bool more = true, running = false;
  while (more) {
    more = false;
    for (struct process *p = processes; p < processes + count; p++) {
      bool ours = p->parent == getpid();
      for (struct process *q = processes; q < processes + count && !p->ours && !ours; q++) ours = q->ours && q->pid == p->parent;
      more |= ours && !p->ours;
      p->ours |= ours;
    }
  }
  for (struct process *p = processes; p < processes + count; p++) {
    if (p->ours && !p->stopped && kill(p->pid, SIGSTOP) == 0) running = true;
  }
  for (struct process *p = processes; p < processes + count && (!running || impatient); p++) if (p->ours) kill(p->pid, SIGKILL);
}

/* Waits for news of children, which are blocked signals, without a busy loop: many monitors may do so at once. False: none came. */
static bool news_of_children(long milliseconds) {
  sigset_t news;
  sigemptyset(&news);
  sigaddset(&news, SIGCHLD);
  struct timespec patience = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  return sigtimedwait(&news, NULL, &patience) >= 0 || errno != EAGAIN;
}

/* An init ends its namespace when its lifeline is cut; one that is in no state to do so is killed, and the kernel does it. */
static void end_init(pid_t child) {
  close(lifeline_of_init);
  while (waitpid(child, NULL, WNOHANG) == 0) {
    if (!news_of_children(PATIENCE_MS)) kill(child, SIGKILL);
  }
}

/* Returns when the monitor has no child any more. `alive`: the child has not been waited for, so its pid is still its own. */
static void end_all(pid_t child, bool alive) {
  if (alive && options.namespaces & CLONE_NEWPID) end_init(child);
  /* Mostly it is alone, and to look at all processes of a host takes long. */
  else if (alive && kill(child, SIGKILL) == 0) news_of_children(PATIENCE_MS);
  for (unsigned round = 0;; round++) {
    pid_t gone;
    while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) continue;
    if (gone < 0 && errno == ECHILD) return;
    end_descendants(round > 20);
    news_of_children(round < 3 ? 0 : 2);
  }
}

/* The target's own TMPDIR goes with it, by the tenant's own right: mostly it is empty, and that takes no process. */
static void remove_tmp(void) {
  if (options.switch_ids) setfsuid(options.uid);
  bool removed = rmdir(options.tmp) == 0 || errno == ENOENT;
  if (options.switch_ids) setfsuid(geteuid());
  pid_t cleaner = removed ? -1 : fork();
  if (cleaner > 0) waitpid(cleaner, NULL, 0);
  if (cleaner != 0) return;
  if (options.switch_ids) switch_ids(options.uid, options.gid, true);
  drop_capabilities();
  char *environment[] = {"PATH=/usr/bin:/bin", NULL};
  execle("/bin/sh", "sh", "-c", "chmod -R u+rwX \"$1\"; rm -rf -- \"$1\"", "sh", options.tmp, NULL, environment);
  _exit(CANNOT_RUN);
}

/* Once every layer stands, the last writer of the pipe is gone; a failure is what comes before. */
static void see_start(int failures, pid_t child, bool reaped) {
  struct failure failure;
  if (read(failures, &failure, sizeof failure) != sizeof failure) return;
  end_all(child, !reaped);
  if (options.tmp && failure.stage > STAGE_TMP) remove_tmp();
  refuse(&failure);
}

/* Waits for what comes first: the end of the child, an order, the end of the server. Returns whether the child ended itself. */
static bool watch(pid_t child, int failures, int reports, int signals, int *status) {
  for (bool started = false;;) {
    struct pollfd on[3] = {{signals, POLLIN, 0}, {started ? -1 : failures, POLLIN, 0}, {started ? server : -1, POLLIN, 0}};
    if (poll(on, 3, -1) < 0 && errno != EINTR) return false;
    if (on[1].revents) see_start(failures, child, false);
    started |= on[1].revents != 0;
    if (on[2].revents) {
      char order;
      if (read(server, &order, 1) != 1 || order != 'T') return false;
      kill(child, SIGTERM);
    }
    if (saw_term(signals)) return false;
    int ended;
    for (pid_t gone; (gone = waitpid(-1, &ended, WNOHANG)) > 0;) {
      if (gone != child) continue;
      if (!started) see_start(failures, child, true);
      *status = ended;
      /* An init that ends without a word was killed from outside, and all in its namespace with it. */
      if (options.namespaces & CLONE_NEWPID && read(reports, status, sizeof *status) != sizeof *status) *status = SIGKILL;
      return true;
    }
  }
}

static void close_inherited(void) {
  int first = options.inherited ? 4 : 3;
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  /* Before Linux 5.9. A limit on descriptors would say nothing of those that were opened above it. */
  DIR *open_ones = opendir("/proc/self/fd");
  if (!open_ones) fail(STAGE_CONTROL, "/proc/self/fd");
  for (struct dirent *entry; (entry = readdir(open_ones));) {
    int fd = atoi(entry->d_name);
    if (fd >= first && fd != dirfd(open_ones)) close(fd);
  }
  closedir(open_ones);
}

int main(int argc, char **argv) {
  const char *wrong = options_parse(&options, argc, argv);
  if (wrong) {
    dprintf(STDERR_FILENO, "cloister-launch: wrong or missing: %s\n", wrong);
    return WRONG_OPTIONS;
  }
  close_inherited();
  /* The monitor gives standard error away. */
  if (!options.control && !options.inherited) complaints = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  connect_to_server();
  bool mortal = prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) == 0;
  if (!mortal || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) fail(STAGE_PARENT, "prctl");
  if (!options.switch_ids) options.uid = geteuid();
  if (!options.switch_ids) options.gid = getegid();
  int failures[2], reports[2], lifeline[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
  bool pipes = pipe2(failures, O_CLOEXEC) == 0 && pipe2(reports, O_CLOEXEC) == 0 && pipe2(lifeline, O_CLOEXEC) == 0;
  if (null < 0 || !pipes) fail(STAGE_CONTROL, "pipe");
  int signals = signal_descriptor(), outside = listen_outside(&options);
  /* The others are made by the child itself; see LATE. */
  unsigned long flags = (options.namespaces & ~(unsigned)LATE) | SIGCHLD;
  pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
  if (child < 0) fail(STAGE_NAMESPACES, "clone");
  if (child == 0) {
    failure_pipe = failures[1];
    close(lifeline[1]);
    close(signals);
    confine(lifeline[0], reports[1], null, outside, argv);
  }
  close(failures[1]);
  close(reports[1]);
  if (outside >= 0) close(outside);
  join_cgroups(child);
  if (options.namespaces & CLONE_NEWUSER) {
    /* gVisor has no such file, and no need for it. */
    if (geteuid() != 0 && access("/proc/self/setgroups", F_OK) == 0) map_id(child, "setgroups", 0);
    map_id(child, "gid_map", options.gid);
    map_id(child, "uid_map", options.uid);
  }
  lifeline_of_init = lifeline[1];
  if (write(lifeline[1], "", 1) != 1) fail(STAGE_NAMESPACES, "child");
  if (options.tmp && !(options.tmp = strdup(options.tmp))) fail(STAGE_TMP, "memory");
  step_back(null, argv);
  forbid_new_privileges();
  keep_capabilities_of_monitor();
  int status = SIGTERM;
  bool ended_itself = watch(child, failures[0], reports[0], signals, &status), signalled = WIFSIGNALED(status);
  end_all(child, !ended_itself);
  if (options.tmp) remove_tmp();
  int number = signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  char line[32] = "ended\n";
  if (ended_itself) snprintf(line, sizeof line, "%s %d\n", signalled ? "signalled" : "exited", number);
  tell(line);
  return server >= 0 ? 0 : signalled ? 128 + number : number;
}
