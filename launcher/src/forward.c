/* The ways out of a network of its own and into it: whoever connects to a port of the loopback device inside reaches a unix socket,
   behind which the server decides; and the server reaches any port of that device by a unix socket outside. A process of its own that has the tenant's rights and nothing else: the tenant may end it, and then
   has no way out. */
#include "launch.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

enum { MOST_EVENTS = 64, CHUNK = 256 << 10, BUSY_MS = 5 };

/* `kept`: what the other side had no room for, or NULL. `ended`: nothing more comes; `told`: the other side knows. */
struct way { char *kept; size_t from, to; bool ended, told; };
struct connection;
/* `gone`: its peer has ended both directions, so that reading never waits and an event would never stop coming. */
struct side { int fd; unsigned watched; bool gone; struct connection *of; };
/* ways[i] leads from sides[i] to the other. */
struct connection { struct side sides[2]; struct way ways[2]; bool broken, over; };

/* What is on its way between two sockets, in the kernel; empty between two moves. One for all: two for each connection would be
   more descriptors than the tenant may have. */
static int through[2];

static void close_connection(struct connection *connection) {
  for (int i = 0; i < 2; i++) free(connection->ways[i].kept);
  close(connection->sides[0].fd);
  close(connection->sides[1].fd);
  free(connection);
}

/* Takes over both descriptors. Returns false, and has closed them, if it cannot be. */
static bool begin(int poll, int one, int other) {
  struct connection *connection = malloc(sizeof *connection);
  bool whole = one >= 0 && other >= 0 && connection;
  for (int i = 0; i < 2 && whole; i++) {
    connection->ways[i] = (struct way){.kept = NULL};
    connection->sides[i] = (struct side){i == 0 ? one : other, EPOLLIN, false, connection};
    connection->broken = connection->over = false;
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = &connection->sides[i]}};
    whole = epoll_ctl(poll, EPOLL_CTL_ADD, connection->sides[i].fd, &event) == 0;
  }
  if (whole) return true;
  free(connection);
  if (one >= 0) close(one);
  if (other >= 0) close(other);
  return false;
}

/* Returns false if the server has no room now: then the client waits where it is. */
static bool accept_client(int poll, int listener, const struct sockaddr_un *address) {
  int out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  bool reached = out >= 0 && connect(out, (const struct sockaddr *)address, sizeof *address) == 0;
  if (!reached && (out < 0 || errno == EAGAIN)) {
    if (out >= 0) close(out);
    return false;
  }
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  /* Small answers in a row would each wait for the one before to be acknowledged. */
  if (client >= 0) setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (reached) return begin(poll, client, out) || client >= 0;
  close(out);
  if (client >= 0) close(client);
  return client >= 0;
}

/* Returns a connection to a port of the loopback device, by either of its addresses, or -1. */
int connect_inside(unsigned char high, unsigned char low) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  const struct timeval patience = {.tv_sec = 1};
  four.sin_port = six.sin6_port = htons((unsigned short)(high << 8 | low));
  for (int i = 0, on = 1; i < 2; i++) {
    int fd = socket(i == 0 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const struct sockaddr *to = i == 0 ? (const struct sockaddr *)&four : (const struct sockaddr *)&six;
    if (connect(fd, to, i == 0 ? sizeof four : sizeof six) == 0) return fd;
    close(fd);
  }
  return -1;
}

/* The server says a port in two bytes, high and low, and is told by one that it is reached; else the connection ends. */
static void accept_server(int poll, int listener) {
  int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (server < 0) return;
  unsigned char port[2];
  const struct timeval patience = {.tv_sec = 1};
  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int inside = recv(server, port, sizeof port, MSG_WAITALL) == sizeof port ? connect_inside(port[0], port[1]) : -1;
  bool told = inside >= 0 && send(server, "+", 1, MSG_NOSIGNAL) == 1;
  bool ready = told && fcntl(server, F_SETFL, O_NONBLOCK) == 0 && fcntl(inside, F_SETFL, O_NONBLOCK) == 0;
  if (ready) begin(poll, server, inside);
  else {
    close(server);
    if (inside >= 0) close(inside);
  }
}

/* Takes bytes into memory of our own. Returns what read does. */
static ssize_t keep(struct way *way, int from, size_t size) {
  way->kept = malloc(size);
  ssize_t n = way->kept ? read(from, way->kept, size) : -1;
  if (n <= 0) {
    free(way->kept);
    way->kept = NULL;
  }
  way->from = 0;
  way->to = n > 0 ? (size_t)n : 0;
  return n;
}

static bool is_for_later(void) {
  return errno == EAGAIN || errno == EINTR;
}

/* Moves what can be moved now, without copying it where the kernel can. */
static void move(struct connection *connection, int i) {
  struct way *way = &connection->ways[i];
  int in = connection->sides[i].fd, out = connection->sides[1 - i].fd;
  if (!way->kept && !way->ended) {
    ssize_t n = splice(in, NULL, through[1], NULL, CHUNK, SPLICE_F_NONBLOCK);
    bool moves = n >= 0 || errno != EINVAL;
    if (!moves) n = keep(way, in, CHUNK);
    if (n < 0 && !is_for_later()) connection->broken = true;
    way->ended = n == 0;
    while (moves && n > 0) {
      ssize_t gone = splice(through[0], NULL, out, NULL, (size_t)n, SPLICE_F_NONBLOCK);
      if (gone > 0) n -= gone;
      else if (gone == 0 || errno != EINTR) {
        connection->broken |= gone == 0 || errno != EAGAIN;
        connection->broken |= keep(way, through[0], (size_t)n) != n;
        n = 0;
      }
    }
  }
  if (way->kept) {
    ssize_t n = send(out, way->kept + way->from, way->to - way->from, MSG_NOSIGNAL);
    if (n < 0 && !is_for_later()) connection->broken = true;
    if (n > 0) way->from += (size_t)n;
    if (way->from == way->to) {
      free(way->kept);
      way->kept = NULL;
    }
  }
  if (!way->kept && way->ended && !way->told) way->told = shutdown(out, SHUT_WR) == 0 || (connection->broken = true);
}

/* A side is read when nothing waits to be written, and asked for room when something does. */
static void watch_sides(int poll, struct connection *connection) {
  for (int i = 0; i < 2; i++) {
    struct side *side = &connection->sides[i];
    const struct way *in = &connection->ways[i], *out = &connection->ways[1 - i];
    bool more = out->kept || (connection->sides[1 - i].gone && !out->ended);
    unsigned wanted = (!in->kept && !in->ended ? EPOLLIN : 0U) | (more ? EPOLLOUT : 0U);
    if (side->gone || wanted == side->watched) continue;
    struct epoll_event event = {.events = side->watched = wanted, .data = {.ptr = side}};
    connection->broken |= epoll_ctl(poll, EPOLL_CTL_MOD, side->fd, &event) != 0;
  }
}

/* Returns whether it is over with the connection, once. */
static bool serve(int poll, struct side *side, unsigned events) {
  struct connection *connection = side->of;
  if (connection->over) return false;
  if (events & EPOLLHUP && !side->gone) {
    side->gone = true;
    /* What still comes for it goes nowhere. */
    struct way *towards = &connection->ways[side == connection->sides];
    free(towards->kept);
    *towards = (struct way){.ended = true, .told = true};
    connection->broken |= epoll_ctl(poll, EPOLL_CTL_DEL, side->fd, NULL) != 0;
  }
  for (int i = 0; i < 2; i++) move(connection, i);
  watch_sides(poll, connection);
  connection->over = connection->broken || events & EPOLLERR || (connection->ways[0].told && connection->ways[1].told);
  return connection->over;
}

/* Either listener may be -1. */
static _Noreturn void forward(int listener, const char *path, int outside) {
  static char from_outside;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct epoll_event events[MOST_EVENTS], event = {.events = EPOLLIN, .data = {.ptr = NULL}};
  struct epoll_event outer = {.events = EPOLLIN, .data = {.ptr = &from_outside}};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  /* Splicing to a side that went away raises it, and knows no flag against that. */
  signal(SIGPIPE, SIG_IGN);
  int poll = epoll_create1(EPOLL_CLOEXEC);
  if (pipe2(through, O_CLOEXEC) != 0) _exit(1);
  fcntl(through[0], F_SETPIPE_SZ, CHUNK);
  if (listener >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) != 0) _exit(1);
  if (outside >= 0 && epoll_ctl(poll, EPOLL_CTL_ADD, outside, &outer) != 0) _exit(1);
  for (bool busy = false;;) {
    struct connection *over[MOST_EVENTS];
    int count = epoll_wait(poll, events, MOST_EVENTS, busy ? BUSY_MS : -1), ended = 0;
    if (count < 0 && errno != EINTR) _exit(1);
    if (busy && epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) != 0) _exit(1);
    busy = false;
    for (int i = 0; i < count; i++) {
      void *from = events[i].data.ptr;
      struct side *side = from;
      if (!from) busy = !accept_client(poll, listener, &address);
      else if (from == &from_outside) accept_server(poll, outside);
      else if (serve(poll, side, events[i].events)) over[ended++] = side->of;
    }
    if (busy && epoll_ctl(poll, EPOLL_CTL_DEL, listener, NULL) != 0) _exit(1);
    /* Only now: the other side may have had its event in the same round. */
    while (ended > 0) close_connection(over[--ended]);
  }
}

static int listen_on(unsigned port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  bool listens = listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
    && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, SOMAXCONN) == 0;
  if (!listens) fail(STAGE_FORWARD, "listen");
  return listener;
}

/* Before any wall stands, in a directory that only the server can write, for the server's user alone. Returns -1 if there is no
   such path. */
int listen_outside(const struct options *options) {
  if (!options->expose_path) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, options->expose_path, sizeof address.sun_path - 1);
  mode_t before = umask(0177);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, SOMAXCONN) != 0) fail(STAGE_FORWARD, "expose");
  umask(before);
  return listener;
}

/* Listens before the target runs, so that it finds the port open; the init ends it with the rest. */
pid_t start_forward(const struct options *options, int outside, char **argv) {
  enum { KEPT = 64 };
  int listener = options->forward_port ? listen_on(options->forward_port) : -1;
  char path[sizeof ((struct sockaddr_un *)0)->sun_path] = "";
  if (options->forward_port) snprintf(path, sizeof path, "%s", options->forward_path);
  pid_t pid = fork();
  if (pid < 0) fail(STAGE_FORWARD, "fork");
  if (pid > 0) {
    if (listener >= 0) close(listener);
    if (outside >= 0) close(outside);
    return pid;
  }
  /* The target's pipes and the server's end would stay open for as long as this does; all of them have small numbers. */
  if (listener >= 0) listener = fcntl(listener, F_DUPFD_CLOEXEC, KEPT);
  if (outside >= 0) outside = fcntl(outside, F_DUPFD_CLOEXEC, KEPT);
  for (int fd = 0; fd < KEPT; fd++) close(fd);
  for (char **argument = argv + 1; *argument; argument++) memset(*argument, 0, strlen(*argument));
  forward(listener, path, outside);
}
