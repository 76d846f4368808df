/*
 * Feeds options_parse what nobody would type. The input is the arguments, each ended by a NUL or a line feed. What is
 * accepted has to be what the rest of the launcher takes for granted.
 */
#include "launch.h"
#include <stdint.h>

enum { MOST_ARGUMENTS = 512 };

/* Unlike assert(3), whatever NDEBUG says. */
static void must(bool holds) {
  if (!holds) abort();
}

static bool inner(const char *path) {
  return path[0] == '/' && path[1] != '\0' && !strstr(path, "/../") && (strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
}

static void check(const struct options *o, size_t count) {
  must(o->command && o->command[0] && o->command[0][0] != '\0');
  must(o->directory && o->directory[0] == '/');
  must(!o->control || (o->control[0] == '/' && o->id));
  must(!o->id || (strlen(o->id) <= 64 && !strchr(o->id, '\n')));
  must(!o->switch_ids || (o->uid != 0 && o->gid != 0 && o->uid != (uid_t)-1 && o->gid != (gid_t)-1));
  must(!o->tmp || inner(o->tmp));
  must(!o->root_base || (inner(o->root_base) && (o->namespaces & CLONE_NEWNS)));
  must(!o->root_source || inner(o->root_source));
  must(!o->root_base == !o->root_source);
  must(o->operation_count == 0 || o->root_base);
  must(o->landlock || (o->readable_count == 0 && o->writable_count == 0));
  must(!o->landlock_scope || o->landlock_tcp);
  must(!o->seccomp_shared || o->seccomp);
  must(!o->forward_port == !o->forward_path);
  must(!o->forward_port || (o->forward_port < 65536 && inner(o->forward_path) && (o->namespaces & CLONE_NEWNET) && (o->namespaces & CLONE_NEWPID)));
  size_t kept = o->operation_count + o->limit_count + o->cgroup_count + o->readable_count + o->writable_count + o->environment_count;
  must(kept <= count);
  for (size_t i = 0; i < o->operation_count; i++) {
    const struct operation *operation = &o->operations[i];
    must(inner(operation->b ? operation->b : operation->a));
    must(operation->kind != OP_DEVICE || strncmp(operation->a, "/dev/", 5) == 0);
    must((operation->kind != OP_READ && operation->kind != OP_WRITE) || operation->a[0] == '/');
  }
  for (size_t i = 0; i < o->limit_count; i++) must(o->limits[i].value != RLIM_INFINITY);
  for (size_t i = 0; i < o->cgroup_count; i++) must(o->cgroups[i][0] == '/');
  for (size_t i = 0; i < o->readable_count; i++) must(o->readable[i][0] == '/');
  for (size_t i = 0; i < o->writable_count; i++) must(o->writable[i][0] == '/');
  for (size_t i = 0; i < o->environment_count; i++) must(o->environment[i][0] != '=' && strchr(o->environment[i], '='));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1), *argv[MOST_ARGUMENTS + 2] = {(char *)"cloister-launch"};
  int argc = 1;
  if (!text) return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  for (size_t i = 0; i < size; i++) if (text[i] == '\n') text[i] = '\0';
  for (size_t i = 0; i < size && argc <= MOST_ARGUMENTS; i += strlen(text + i) + 1) argv[argc++] = text + i;
  struct options options;
  const char *wrong = options_parse(&options, argc, argv);
  if (wrong) must(wrong[0] != '\0' || argc > 1);
  else check(&options, (size_t)argc);
  options_free(&options);
  free(text);
  return 0;
}
