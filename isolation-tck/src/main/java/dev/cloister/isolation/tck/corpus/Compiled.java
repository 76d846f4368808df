package dev.cloister.isolation.tck.corpus;

import static dev.cloister.isolation.tck.Language.C;
import static dev.cloister.isolation.tck.Sign.GAINED;
import static dev.cloister.isolation.tck.Sign.PROCESS_HARMED;
import static dev.cloister.isolation.tck.Sign.SECRET_SHOWN;
import static dev.cloister.isolation.tck.Sign.TREE_CHANGED;
import static dev.cloister.isolation.tck.Sign.WORD_RECEIVED;
import static dev.cloister.spi.Guarantee.ENVIRONMENT_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNREADABLE;
import static dev.cloister.spi.Guarantee.FILES_OF_OTHERS_UNWRITABLE;
import static dev.cloister.spi.Guarantee.NETWORK_CLOSED;
import static dev.cloister.spi.Guarantee.PROCESSES_OF_OTHERS_UNTOUCHABLE;
import static dev.cloister.spi.Guarantee.SERVER_STATE_UNREADABLE;

import dev.cloister.isolation.tck.Attack;
import dev.cloister.isolation.tck.Family;
import java.util.List;

/** Programs that a tenant brings along: no interpreter, no library, nothing between them and the kernel. */
final class Compiled {
    private Compiled() {}

    static List<Attack> attacks() {
        return new Attacks(Family.COMPILED)
                .add("compiled-open", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, C, """
                        static int attack(void) {
                          print_all(open_file(joined(variable("V_HOME"), "/secret", "")));
                          print_all(open_file(joined(variable("V_WORK"), "/secret", "")));
                          return 0;
                        }
                        """)
                .add("compiled-rename", FILES_OF_OTHERS_UNWRITABLE, TREE_CHANGED, C, """
                        static int attack(void) {
                          static char from[4096];
                          const char *path = joined(variable("V_HOME"), "/.netrc", "");
                          for (int i = 0; path[i]; i++) from[i] = path[i];
                          return (int)call(__NR_renameat2, -100, from, -100, joined(variable("V_HOME"), "/taken", ""));
                        }
                        """)
                .add("compiled-environ", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, C, """
                        static int attack(void) {
                          print_all(open_file(joined("/proc/", variable("V_PID"), "/environ")));
                          return 0;
                        }
                        """)
                .add("compiled-memory", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, C, """
                        struct part { char *at; unsigned long length; };
                        static char maps[1 << 16], copy[4096];
                        static unsigned long hexadecimal(const char **text) {
                          unsigned long value = 0;
                          for (;; (*text)++) {
                            char c = **text;
                            if (c >= '0' && c <= '9') value = value * 16 + c - '0';
                            else if (c >= 'a' && c <= 'f') value = value * 16 + c - 'a' + 10;
                            else return value;
                          }
                        }
                        /* The stack, which has the environment at its end, is the line that says so. */
                        static int attack(void) {
                          int file = open_file(joined("/proc/", variable("V_PID"), "/maps"));
                          long got = 0;
                          for (long n = 1; n > 0; got += n > 0 ? n : 0)
                            n = call(__NR_read, file, maps + got, sizeof maps - 1 - got, 0);
                          for (const char *line = maps; *line;) {
                            unsigned long low = hexadecimal(&line);
                            line++;
                            unsigned long high = hexadecimal(&line);
                            while (*line && *line != '\\n' && *line != '[') line++;
                            if (line[0] == '[' && line[1] == 's' && line[2] == 't') {
                              for (unsigned long at = low; at < high; at += sizeof copy) {
                                struct part here = {copy, sizeof copy}, there = {(char *)at, sizeof copy};
                                long n = call6(__NR_process_vm_readv, number("V_PID"), (long)&here, 1, (long)&there, 1, 0);
                                if (n > 0) print(copy, n);
                              }
                            }
                            while (*line && *line++ != '\\n') {}
                          }
                          return 0;
                        }
                        """)
                .add("compiled-trace", ENVIRONMENT_OF_OTHERS_UNREADABLE, SECRET_SHOWN, C, """
                        struct part { long *at; unsigned long length; };
                        /* From the stack pointer upwards, to where there is nothing more: no file of /proc is needed. */
                        static int attack(void) {
                          static long registers[64];
                          struct part all = {registers, sizeof registers};
                          long pid = number("V_PID"), content;
                          if (call(__NR_ptrace, 16, pid, 0, 0) < 0) return 1;
                          call(__NR_wait4, pid, 0, 0x40000000, 0);
                          if (call(__NR_ptrace, 0x4204, pid, 1, &all) == 0) {
                        #if defined __x86_64__
                            long at = registers[19];
                        #else
                            long at = registers[31];
                        #endif
                            for (at &= -8L; call(__NR_ptrace, 2, pid, at, &content) == 0; at += 8) print(&content, 8);
                          }
                          call(__NR_ptrace, 17, pid, 0, 0);
                          return 0;
                        }
                        """)
                .add("compiled-signal", PROCESSES_OF_OTHERS_UNTOUCHABLE, PROCESS_HARMED, C, """
                        static int attack(void) {
                          long pause[] = {0, 100000000};
                          call(__NR_kill, number("V_PID"), 9, 0, 0);
                          return (int)call(__NR_nanosleep, pause, 0, 0, 0);
                        }
                        """)
                .byRoot("compiled-handle", FILES_OF_OTHERS_UNREADABLE, SECRET_SHOWN, C, """
                        struct handle { unsigned size; int kind; char bytes[128]; };
                        static int attack(void) {
                          static struct handle handle;
                          int mount;
                          handle.size = sizeof handle.bytes;
                          call6(__NR_name_to_handle_at, -100, (long)joined(variable("V_HOME"), "/secret", ""), (long)&handle, (long)&mount, 0, 0);
                          const char *places[] = {"/", "/tmp", "/proc/self/cwd", variable("V_HOME")};
                          for (int i = 0; i < 4; i++) {
                            print_all((int)call(__NR_open_by_handle_at, open_file(places[i]), &handle, 0, 0));
                          }
                          return 0;
                        }
                        """)
                .byRoot("compiled-raw-socket", NETWORK_CLOSED, GAINED, C, """
                        static int attack(void) {
                          if (call(__NR_socket, 2, 3, 1, 0) >= 0 || call(__NR_socket, 17, 3, 0x300, 0) >= 0) say("GAINED");
                          return 0;
                        }
                        """)
                .add("compiled-socket", NETWORK_CLOSED, WORD_RECEIVED, C, """
                        static int attack(void) {
                          unsigned char address[16] = {2, 0, 0, 0, 127, 0, 0, 1};
                          long port = number("TCP");
                          address[2] = (unsigned char)(port >> 8);
                          address[3] = (unsigned char)port;
                          int line = (int)call(__NR_socket, 2, 1, 0, 0);
                          if (call(__NR_connect, line, address, 16, 0) < 0) return 1;
                          return call(__NR_write, line, variable("WORD"), length(variable("WORD")), 0) < 0;
                        }
                        """)
                .add("compiled-server-file", SERVER_STATE_UNREADABLE, SECRET_SHOWN, C, """
                        static int attack(void) {
                          print_all(open_file(variable("SERVER_STATE")));
                          return 0;
                        }
                        """)
                .toList();
    }
}
