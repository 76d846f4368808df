# What the lab's scripts share: saying things, the machine's packages, and what is made once and cached.
# shellcheck shell=bash
# shellcheck disable=SC2034 # some names are for the scripts
#
# Everything made is below $lab (${CLOISTER_CACHE:-/var/cache/cloister}/lab). The machine itself is changed in one respect
# only: packages that are missing are installed.
#
# Made by prepare_*, each under the lock and complete or not at all:
#   $tree           a small Debian without a kernel, uid 1000 is in no password file
#   $jdk            a copy of the JDK of this machine, which is $machine_jdk
#   $distribution   the built distribution, with bin/cloister; prepare_agent adds the agent CLI

lab_root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
readonly lab_root

# The release that the file system and the guest's kernel are from, and the one with a gVisor that has systrap.
readonly tree_suite=bookworm
readonly gvisor_suite=trixie
readonly tree_packages=bash,ca-certificates,coreutils,curl,e2fsprogs,gcc,git,iproute2,kmod,libc6-dev,libstdc++6,nodejs,perl-base,procps,python3,util-linux
readonly java_release=25

lab=
tree=
jdk=
machine_jdk=
distribution=
worker=
child=

# --- Saying things -----------------------------------------------------------------------------------------------------

say() {
  printf 'lab: %s\n' "$*" >&2
}

# What the lab itself fails with; a script that hands on another command's exit code takes one that is rare.
failure=1

die() {
  say "$*"
  exit "$failure"
}

# usage_of SCRIPT: the comment at its top.
usage_of() {
  sed -n 's/^# \{0,1\}//p;/^set /q' "$1" | sed 1d
}

# --- Running what takes long -------------------------------------------------------------------------------------------

# run_logged WHAT COMMAND...: output goes to a log, whose end is shown when the command fails; one line on stderr says what
# is done and for how long. The command gets a process group of its own, so that it can be ended with all that it started;
# where it is a function, it has to return what failed: errexit does not hold in it.
run_logged() {
  local what=$1 log began=$SECONDS said=0 elapsed status=0
  shift
  log=$(mktemp)
  say "$what …"
  set -m
  "$@" </dev/null >"$log" 2>&1 &
  worker=$!
  set +m
  while kill -0 "$worker" 2>/dev/null; do
    elapsed=$((SECONDS - began))
    if ((elapsed >= said + 15)); then
      said=$elapsed
      say "$what … $elapsed s"
    fi
    sleep 0.2
  done
  wait "$worker" || status=$?
  worker=
  elapsed=$((SECONDS - began))
  if ((status == 0)); then
    say "$what: done in $elapsed s"
  else
    tail -n 20 "$log" >&2
    say "$what: failed after $elapsed s"
  fi
  rm -f "$log"
  return "$status"
}

# Ends what run_logged runs, if anything; for the scripts' clean-up.
end_worker() {
  [[ -n $worker ]] || return 0
  kill -TERM -- "-$worker" 2>/dev/null || true
  wait "$worker" 2>/dev/null || true
  worker=
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}

# A process that has ended; one that nobody has waited for yet counts as ended.
has_ended() {
  [[ ! -r /proc/$1/stat || $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) =~ ^(Z|X|$) ]]
}

# end_process PID: TERM, and KILL when that does not help within half a minute.
end_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  wait_for 30 has_ended "$1" || kill -KILL "$1" 2>/dev/null || true
  wait_for 10 has_ended "$1" || say "process $1 does not end"
}

# with_lock NAME COMMAND...: one at a time over all invocations. What outlives the command has to be started without_lock,
# which is for subshells.
lock_descriptor=
with_lock() {
  local outer=$lock_descriptor status=0
  exec {lock_descriptor}>>"$lab/$1.lock"
  if ! flock --nonblock "$lock_descriptor"; then
    say "another lab is at it ($1); waiting until it is done"
    flock "$lock_descriptor"
  fi
  shift
  "$@" || status=$?
  exec {lock_descriptor}>&-
  lock_descriptor=$outer
  return "$status"
}

without_lock() {
  [[ -z $lock_descriptor ]] || exec {lock_descriptor}>&-
  "$@"
}

# foreground COMMAND...: with this script's stdin. Not in the foreground for bash, which would hear no signal until it ends.
# It holds no lock: killed, this script must not leave one.
foreground() {
  local status=0
  without_lock "$@" <&0 &
  child=$!
  wait "$child" || status=$?
  child=
  return "$status"
}

# --- The machine -------------------------------------------------------------------------------------------------------

need_debian_root() {
  if [[ ! -f /etc/debian_version ]] || ! command -v apt-get >/dev/null; then
    die 'this needs Debian: the hosts are made of its packages'
  fi
  [[ $(id -u) == 0 ]] || die 'this needs root: it makes file systems, containers and cgroups. Run it with sudo.'
}

apt_install() {
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
  "${get[@]}" install --no-install-recommends "$@" && return
  "${get[@]}" update && "${get[@]}" install --no-install-recommends "$@"
}

# need TOOL=PACKAGE...: all of the tools are there afterwards. Tools of root's may not be on everybody's path.
need() {
  local pair packages=()
  export PATH=$PATH:/usr/sbin:/sbin
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  ((${#packages[@]})) || return 0
  run_logged "installing ${packages[*]}" apt_install "${packages[@]}" || die "apt-get could not install ${packages[*]}"
  hash -r
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || die "${pair#*=} is installed and ${pair%%=*} is not there"
  done
}

# --- Packages of other releases ----------------------------------------------------------------------------------------

# The machine's own sources of Debian, one a line in the old format, for another release: same mirror, same keys.
sources_of() {
  local suite=$1 uri codename component key own
  own=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
  [[ -n $own ]] || die '/etc/os-release names no release of Debian'
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(SIGNED_BY)' 'Created-By: Packages' 'Origin: Debian' |
    while read -r uri codename component key; do
      [[ $codename == "$own" || $codename == "$own"-updates || $codename == "$own"-security ]] || continue
      [[ -n $key && -r $key ]] || key=/usr/share/keyrings/debian-archive-keyring.gpg
      echo "deb [signed-by=$key] $uri $suite${codename#"$own"} $component"
    done | sort -u
}

# apt_of SUITE: sets $apt to an apt-get that knows only that release and keeps everything in a directory of its own.
apt_of() {
  local suite=$1 directory=$lab/apt/$1
  mkdir -p "$directory"/{lists,archives}/partial "$directory/parts"
  # apt fetches as a user of its own.
  chmod 755 "$lab" "$lab/apt" "$directory"
  if [[ -z $(sources_of "$suite") ]]; then
    run_logged 'fetching the lists of packages' apt-get -q update || die 'apt-get update failed'
  fi
  sources_of "$suite" >"$directory/sources.list"
  [[ -s $directory/sources.list ]] || die "apt on this machine has no source of Debian"
  apt=(apt-get -q -o "Dir::Etc::sourcelist=$directory/sources.list" -o "Dir::Etc::sourceparts=$directory/parts"
    -o "Dir::State::lists=$directory/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$directory"
    -o "Dir::Cache::archives=$directory/archives" -o APT::Sandbox::User=root)
}

download_and_unpack() {
  local target=$1 suite=$2 package
  shift 2
  mkdir -p "$target.new.debs" "$target.new"
  (cd "$target.new.debs" && "${apt[@]}" update && "${apt[@]}" download "$@") || return
  for package in "$target.new.debs"/*.deb; do
    dpkg-deb -x "$package" "$target.new" || return
  done
  rm -rf "$target.new.debs"
}

# unpacked TARGET SUITE PACKAGE...: the files of packages of another release, in a directory; nothing is installed.
unpacked() {
  local target=$1 suite=$2 apt
  [[ ! -d $target ]] || return 0
  rm -rf "$target".new*
  apt_of "$suite"
  run_logged "fetching ${*:3} of $suite" download_and_unpack "$@" || die "apt-get could not fetch ${*:3} of $suite"
  mv -T "$target.new" "$target"
}

# --- What every host gets ----------------------------------------------------------------------------------------------

# The cache; call this first.
need_lab() {
  umask 022
  lab=$(readlink -m -- "${CLOISTER_CACHE:-/var/cache/cloister}")/lab
  mkdir -p "$lab"
  need flock=util-linux setpriv=util-linux
}

# gVisor of a release that has systrap: $lab/gvisor-$gvisor_suite/usr/bin/runsc.
prepare_gvisor() {
  need dpkg-deb=dpkg
  with_lock gvisor unpacked "$lab/gvisor-$gvisor_suite" "$gvisor_suite" runsc
}

make_tree() {
  local target=$1
  # A file as MIRROR is the list of sources.
  mmdebstrap --variant=minbase --format=directory --include="$tree_packages" "$tree_suite" "$target" "$2" &&
    # Traces of the machine that made it, and of its mirror.
    rm -f "$target"/etc/resolv.conf "$target"/etc/apt/sources.list "$target"/etc/apt/sources.list.d/* &&
    echo cloister-lab >"$target/etc/hostname" &&
    # Docker brings one of its own.
    echo 127.0.0.1 localhost >"$target/etc/hosts" &&
    mkdir -p "$target/opt/jdk" "$target/opt/cloister" "$target/lab"
}

tree_now() {
  [[ ! -d $tree ]] || return 0
  local apt
  need mmdebstrap=mmdebstrap
  rm -rf "$lab"/tree-*
  apt_of "$tree_suite"
  run_logged "making a file system of Debian $tree_suite" make_tree "$tree.new" "$lab/apt/$tree_suite/sources.list" ||
    die 'mmdebstrap failed'
  mv -T "$tree.new" "$tree"
}

prepare_tree() {
  tree=$lab/tree-$(printf '%s\n' "$tree_suite" "$tree_packages" "$(declare -f make_tree)" | sha256sum | cut -c1-16)
  with_lock tree tree_now
}

# Prints the first JDK that is new enough: the one that was asked for, then the oldest that is installed.
search_jdk() {
  local home release
  for home in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/* /opt/java/openjdk; do
    [[ -x $home/bin/javac && -r $home/release ]] || continue
    release=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$home/release")
    ((${release:-0} < java_release)) || echo "$release $home"
  done | sort -sn | sed -n '1s/^[0-9]* //p'
}

# Debian's own JDKs have links out of their directory, to /etc above all: a copy without links works everywhere.
jdk_now() {
  local home=$1
  [[ ! -d $jdk ]] || return 0
  rm -rf "$lab"/jdk-*
  mkdir "$jdk.new"
  run_logged 'copying the JDK' rsync -rptL --exclude=/lib/src.zip --exclude=/jmods --exclude=/man --exclude=/demo "$home/" "$jdk.new/" ||
    die "the JDK in $home could not be copied"
  mv -T "$jdk.new" "$jdk"
}

prepare_jdk() {
  machine_jdk=$(search_jdk)
  [[ -n $machine_jdk ]] || die "there is no JDK $java_release; ./cloister --version says how to get one"
  need rsync=rsync
  jdk=$lab/jdk-$(sha256sum <"$machine_jdk/release" | cut -c1-16)
  with_lock jdk jdk_now "$machine_jdk"
}

# prepare_distribution DIRECTORY: builds what is stale and copies it there. A copy, because a build swaps the original.
prepare_distribution() {
  distribution=$1
  "$lab_root/cloister" --version >/dev/null || die 'the distribution could not be built'
  mkdir -p "$distribution/bin"
  cp -r "$lab_root/cli/target/dist/lib" "$distribution/"
  cat >"$distribution/bin/cloister" <<'END'
#!/bin/bash
# As ./cloister starts it.
root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
[[ ! -e $root/agent ]] || export CLOISTER_AGENT_INSTALLED=$root/agent
options=(--enable-native-access=ALL-UNNAMED -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData -XX:+UseSerialGC)
getent passwd "$(id -u)" >/dev/null || options+=("-Duser.home=${HOME:-/}")
exec "${JAVA_HOME:-/opt/jdk}/bin/java" "${options[@]}" -cp "$root/lib/*" dev.cloister.cli.Main "$@"
END
  chmod 755 "$distribution/bin/cloister"
}

# For what runs the agent only: it is large.
prepare_agent() {
  local agent
  agent=$("$lab_root/cloister" agent) || die 'the agent CLI could not be installed'
  cp "$agent" "$distribution/agent"
}

# --- Reports -----------------------------------------------------------------------------------------------------------

# The group that this machine happens to run the lab in says nothing about the kind of host.
without_own_groups() {
  local group expression=()
  while IFS=: read -r _ _ group; do
    [[ $group == / ]] || expression+=(-e "s|$group/|/OWN-GROUP/|g")
  done </proc/self/cgroup
  sed "${expression[@]}" -e '' "$1"
}

# save_report NAME FRESH ERRORS TARGET PATH...: a host's report becomes a file of this tree, unless it is no JSON, or names
# one of the paths or the lab.
save_report() {
  local name=$1 fresh=$2 errors=$3 target=$lab_root/$4 one secret=()
  if ! python3 -m json.tool "$fresh" >/dev/null 2>&1; then
    tail -n 20 "$errors" "$fresh" >&2
    say "$name: no JSON was printed"
    return 1
  fi
  cat "$errors" >&2
  for one in "$lab" "$lab_root" "${@:5}"; do
    secret+=(-e "$one")
  done
  if grep -F "${secret[@]}" "$fresh" >&2; then
    say "$name: the report has paths of this machine, above"
    return 1
  fi
  mkdir -p "$(dirname -- "$target")"
  without_own_groups "$fresh" >"$target"
}
