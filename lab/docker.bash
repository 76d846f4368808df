# A Docker daemon of the lab's own, with an image of the lab's file system and, where asked for, gVisor as a second runtime.
# shellcheck shell=bash
# shellcheck source=lab/common.bash
# shellcheck disable=SC2154 # what is not set here, common.bash sets

readonly path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A containerd and a dockerd of the lab's own. A dockerd alone would take the system's containerd, where one runs.
readonly docker_cgroup=/cloister-lab
docker_state=
docker_up=false
docker_image=
docker_with_gvisor=false

docker_paths() {
  docker_state=$lab/docker
  # Names of sockets have to be shorter than 108 bytes.
  ((${#docker_state} < 80)) || die "$docker_state is too long a path for sockets; set CLOISTER_CACHE to a shorter one"
}

docker_() {
  docker --host "unix://$docker_state/docker.sock" "$@"
}

docker_answers() {
  docker_ version >/dev/null 2>&1
}

# The process that a pid file names, if it is one of this lab's.
daemon_pid() {
  local pid
  pid=$(cat "$docker_state/$1.pid" 2>/dev/null) || return 0
  if [[ -n $pid && $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *"$docker_state"* ]]; then
    echo "$pid"
  fi
} 2>/dev/null

start_daemons() {
  local log=$docker_state/log
  mkdir -p "$docker_state"/{containerd,data,exec}
  rm -f "$docker_state"/*.pid "$docker_state"/*.sock
  cat >"$docker_state/containerd.toml" <<END
version = 2
root = "$docker_state/containerd/root"
state = "$docker_state/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$docker_state/containerd.sock"
END
  # Sessions of their own: what a terminal sends on ^C is for the command, and clean-up ends these.
  without_lock exec setsid containerd --config "$docker_state/containerd.toml" </dev/null >"$log.containerd" 2>&1 &
  echo $! >"$docker_state/containerd.pid"
  docker_up=true
  echo '{}' >"$docker_state/daemon.json"
  if $docker_with_gvisor; then
    prepare_gvisor
    # As a container's own runtime it gives each the sockets of the directories that it sees, and no network at all.
    cat >"$docker_state/daemon.json" <<END
{"runtimes": {"runsc": {"path": "$lab/gvisor-$gvisor_suite/usr/bin/runsc",
  "runtimeArgs": ["--platform=systrap", "--network=none", "--host-uds=open"]}}}
END
  fi
  wait_for 60 test -S "$docker_state/containerd.sock" || {
    tail -n 20 "$log.containerd" >&2
    die 'containerd does not start; what it said stands above'
  }
  without_lock exec setsid dockerd --config-file "$docker_state/daemon.json" --host "unix://$docker_state/docker.sock" --containerd "$docker_state/containerd.sock" \
    --data-root "$docker_state/data" --exec-root "$docker_state/exec" --pidfile "$docker_state/dockerd.pid" \
    --iptables=false --ip6tables=false --bridge=none --cgroup-parent "$docker_cgroup" \
    </dev/null >"$log.dockerd" 2>&1 &
  wait_for 60 docker_answers || {
    tail -n 20 "$log.dockerd" >&2
    die 'dockerd does not start; what it said stands above'
  }
}

stop_daemons() {
  local name pid group
  for name in dockerd containerd; do
    pid=$(daemon_pid "$name")
    [[ -z $pid ]] || end_process "$pid"
    rm -f "$docker_state/$name.pid"
  done
  docker_up=false
  # What is left when a daemon was killed.
  awk -v state="$docker_state/" 'index($2, state) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r name; do
    umount "$name" || true
  done
  for group in /sys/fs/cgroup"$docker_cgroup" /sys/fs/cgroup/*"$docker_cgroup"; do
    [[ ! -d $group ]] || find "$group" -depth -type d -exec rmdir {} + || say "$group is still in use"
  done
}

import_image() {
  tar -C "$tree" -c . | docker_ import --change "ENV PATH=$path" - "$1" && return
  docker_ image rm --force "$1"
  return 1
}

# Afterwards a daemon answers at $docker_state/docker.sock and has $docker_image.
need_docker() {
  docker_paths
  need dockerd=docker.io containerd=containerd runc=runc
  # Newer releases have the client in a package of its own.
  command -v docker >/dev/null || need docker=docker-cli
  prepare_tree
  if docker_answers && { ! $docker_with_gvisor || grep -q runsc "$docker_state/daemon.json"; }; then
    docker_up=true
  else
    stop_daemons
    say 'starting a Docker daemon'
    start_daemons
  fi
  docker_image=cloister-lab:${tree##*-}
  if ! docker_ image inspect "$docker_image" >/dev/null 2>&1; then
    docker_ image ls --quiet cloister-lab | xargs -r docker --host "unix://$docker_state/docker.sock" image rm -f >/dev/null
    run_logged 'importing the file system into Docker' import_image "$docker_image" || die 'docker import failed'
  fi
}
