/*
 * The floor of every jail: a process in six new namespaces that does nothing but start the command. Nothing is made safe. With
 * NAMESPACES=0 it is the floor of everything that stays beside the command to see to its end: the "monitor" of the benchmark.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef NAMESPACES
#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#endif

struct clone_arguments { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls; };

int main(int argc, char **argv) {
  struct clone_arguments arguments = {
    .flags = NAMESPACES,
    .exit_signal = SIGCHLD,
  };
  if (argc < 2) return 64;
  pid_t child = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child < 0) return 125;
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
