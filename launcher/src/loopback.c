/* The one network device of a network of one's own. */
#include "launch.h"

void loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo"};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) != 0) fail(STAGE_LOOPBACK, "lo");
  if (!(request.ifr_flags & IFF_UP) && (request.ifr_flags |= IFF_UP | IFF_RUNNING, ioctl(any, SIOCSIFFLAGS, &request)) != 0) fail(STAGE_LOOPBACK, "lo");
  close(any);
}
