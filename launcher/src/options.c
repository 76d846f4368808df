/* The command line: every value is checked here, once, and nowhere else. */
#include "launch.h"

struct named { const char *name; int value; };
static const struct named namespaces[] = {
  {"user", CLONE_NEWUSER}, {"mount", CLONE_NEWNS}, {"pid", CLONE_NEWPID}, {"net", CLONE_NEWNET},
  {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}, {NULL, 0},
};
static const struct named resources[] = {
  {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"core", RLIMIT_CORE}, {"fsize", RLIMIT_FSIZE}, {NULL, 0},
};

static const struct named *find(const struct named *table, const char *text, size_t length) {
  for (; table->name; table++) if (strlen(table->name) == length && memcmp(table->name, text, length) == 0) return table;
  return NULL;
}

static bool number(const char *text, unsigned long long most, unsigned long long *value) {
  if (text[0] < '0' || text[0] > '9' || strlen(text) > 20) return false;
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && *end == '\0' && *value <= most;
}

/* Absolute, not the root itself, and without a step upwards: what is made below the new root stays there. */
static bool inner_path(const char *path) {
  if (path[0] != '/' || path[1] == '\0' || strlen(path) >= PATH_MAX) return false;
  for (const char *part = path; part; part = strchr(part + 1, '/')) {
    if (strncmp(part, "/..", 3) == 0 && (part[3] == '/' || part[3] == '\0')) return false;
  }
  return true;
}

static bool namespace_list(const char *list, unsigned *flags) {
  for (;;) {
    size_t length = strcspn(list, ",");
    const struct named *known = find(namespaces, list, length);
    if (!known) return false;
    *flags |= (unsigned)known->value;
    if (list[length] == '\0') return true;
    list += length + 1;
  }
}

static bool limit(const char *text, struct limit *limit) {
  size_t length = strcspn(text, "=");
  const struct named *known = find(resources, text, length);
  unsigned long long value;
  if (!known || text[length] == '\0' || !number(text + length + 1, RLIM_INFINITY - 1, &value)) return false;
  *limit = (struct limit){known->value, (rlim_t)value};
  return true;
}

static bool landlock(const char *text, struct options *o) {
  o->landlock = true;
  o->landlock_tcp = strcmp(text, "files,tcp") == 0 || strcmp(text, "files,tcp,scope") == 0;
  o->landlock_scope = strcmp(text, "files,tcp,scope") == 0;
  return o->landlock_tcp || strcmp(text, "files") == 0;
}

static bool ids(const char *uid, const char *gid, struct options *o) {
  /* 0 would leave every file of root's open to the tenant, and -1 means "leave it" to the kernel. */
  unsigned long long user = 0, group = 0;
  o->switch_ids = number(uid, UINT_MAX - 1, &user) && user > 0 && number(gid, UINT_MAX - 1, &group) && group > 0;
  o->uid = (uid_t)user;
  o->gid = (gid_t)group;
  return o->switch_ids;
}

static bool socket_path(const char *path) {
  return inner_path(path) && strlen(path) < sizeof ((struct sockaddr_un *)0)->sun_path;
}

/* The path in the new root is the last value. */
static bool operation(struct options *o, enum operation_kind kind, const char *a, const char *b) {
  o->operations[o->operation_count++] = (struct operation){kind, a, b};
  return inner_path(b ? b : a);
}

/* Takes the option `name` with its values; returns how many values it took, or -1 if it or one of them is not right. */
static int option(struct options *o, const char *name, const char *a, const char *b) {
  unsigned long long value = 0;
  #define IS(option) (strcmp(name, option) == 0)
  #define TAKE(count, condition) return (condition) ? (count) : -1
  if (IS("--seccomp")) TAKE(0, o->seccomp = true);
  if (IS("--seccomp-shared")) TAKE(0, o->seccomp = o->seccomp_shared = true);
  if (IS("--inherited")) TAKE(0, o->inherited = true);
  if (!a) return -1;
  if (IS("--control")) TAKE(1, (o->control = a)[0] == '/');
  if (IS("--id")) TAKE(1, strlen(o->id = a) <= 64 && !strchr(a, '\n'));
  if (IS("--unshare")) TAKE(1, namespace_list(a, &o->namespaces));
  if (IS("--rlimit")) TAKE(1, limit(a, &o->limits[o->limit_count++]));
  if (IS("--expose")) TAKE(1, socket_path(o->expose_path = a));
  if (IS("--tmp")) TAKE(1, inner_path(o->tmp = a));
  if (IS("--cwd")) TAKE(1, (o->directory = a)[0] == '/');
  if (IS("--landlock")) TAKE(1, landlock(a, o));
  if (IS("--cgroup")) TAKE(1, (o->cgroups[o->cgroup_count++] = a)[0] == '/');
  if (IS("--allow-read")) TAKE(1, (o->readable[o->readable_count++] = a)[0] == '/');
  if (IS("--allow-write")) TAKE(1, (o->writable[o->writable_count++] = a)[0] == '/');
  if (IS("--setenv")) TAKE(1, a[0] != '=' && strchr(o->environment[o->environment_count++] = a, '='));
  if (IS("--proc")) TAKE(1, operation(o, OP_PROC, a, NULL));
  if (IS("--device")) TAKE(1, strncmp(a, "/dev/", 5) == 0 && operation(o, OP_DEVICE, a, NULL));
  if (!b) return -1;
  if (IS("--ids")) TAKE(2, ids(a, b, o));
  if (IS("--forward")) TAKE(2, number(a, USHRT_MAX, &value) && (o->forward_port = (unsigned)value) > 0 && socket_path(o->forward_path = b));
  if (IS("--root")) TAKE(2, inner_path(o->root_base = a) && inner_path(o->root_source = b));
  if (IS("--tmpfs")) TAKE(2, number(a, ULLONG_MAX, &value) && operation(o, OP_TMPFS, a, b));
  if (IS("--bind-read")) TAKE(2, a[0] == '/' && operation(o, OP_READ, a, b));
  if (IS("--bind-write")) TAKE(2, a[0] == '/' && operation(o, OP_WRITE, a, b));
  return -1;
}

/* What one option cannot see: those that mean nothing, or something unsafe, without another. */
static const char *missing(const struct options *o) {
  if (!o->directory) return "--cwd";
  if (o->control && !o->id) return "--id";
  if (o->root_base && !(o->namespaces & CLONE_NEWNS)) return "--unshare mount";
  if (o->operation_count && !o->root_base) return "--root";
  /* In the host's network the port would be everybody's, and without an init nothing would end it. */
  if ((o->forward_port || o->expose_path) && (~o->namespaces & (CLONE_NEWNET | CLONE_NEWPID))) return "--unshare net,pid";
  return (o->readable_count || o->writable_count) && !o->landlock ? "--landlock" : NULL;
}

const char *options_parse(struct options *o, int argc, char **argv) {
  *o = (struct options){0};
  /* No option fills more than one place of each list, so as many places as arguments are enough. One block holds them all. */
  size_t most = argc > 0 ? (size_t)argc : 1;
  o->operations = calloc(most, sizeof *o->operations + sizeof *o->limits + 4 * sizeof *o->cgroups);
  if (!o->operations) return "memory";
  o->limits = (struct limit *)(o->operations + most);
  o->cgroups = (const char **)(o->limits + most);
  o->readable = o->cgroups + most;
  o->writable = o->readable + most;
  o->environment = o->writable + most;
  int at = 1;
  while (at < argc && strcmp(argv[at], "--") != 0) {
    int taken = option(o, argv[at], at + 1 < argc ? argv[at + 1] : NULL, at + 2 < argc ? argv[at + 2] : NULL);
    if (taken < 0) return argv[at];
    at += 1 + taken;
  }
  if (at + 1 >= argc || argv[at + 1][0] == '\0') return "-- COMMAND";
  o->command = argv + at + 1;
  return missing(o);
}

void options_free(struct options *o) { free(o->operations); }
