# The parent of everything that one launch starts. It runs under the tenant's uid and guarantees:
#   1. the command starts with its own session, working directory, environment and an empty TMPDIR;
#   2. whatever the command leaves behind comes back to this process (child subreaper) and is killed when the command
#      ends, when the server asks (TERM), or when the server dies (TERM by the parent-death signal that setpriv set);
#   3. TMPDIR is removed;
#   4. the status file says how the command ended: "exited N", "signalled N" or "ended".
# The tenant can kill this process, since both have one uid; the server then sweeps the uid. A native launcher that the
# tenant cannot touch takes its place in the isolation modes that have one.
#
# usage: perl supervise.pl SERVER-PID PRCTL-NUMBER OWN-UID SHARE TMPDIR CWD COMMAND [ARGUMENT...]
use strict;
use warnings;
use POSIX qw(:signal_h :sys_wait_h :errno_h);

my ($server, $prctl, $own_uid, $share, $tmp, $cwd, @command) = @ARGV;
my $PR_SET_CHILD_SUBREAPER = 36;

open(my $status, '>>', "$share/status") or refuse("cannot open the status file: $!");

sub refuse {
    my ($why) = @_;
    syswrite($status, "refused $why\n") if defined $status;
    syswrite(STDERR, "cloister: $why\n");
    POSIX::_exit(125);
}

umask 0077;
syscall($prctl + 0, $PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 or refuse("cannot become subreaper: $!");

# Signals stay blocked except inside sigsuspend, so none can slip in between looking and waiting.
my $ending = 0;
$SIG{TERM} = sub { $ending = 1 };
$SIG{CHLD} = sub { };
my $blocked = POSIX::SigSet->new(SIGTERM, SIGCHLD);
my $open    = POSIX::SigSet->new();
sigprocmask(SIG_BLOCK, $blocked) or refuse("cannot block signals: $!");

# The server may have died before setpriv asked for the parent-death signal.
getppid() == $server or refuse('the server is gone');

my %environment = read_environment("$share/env");
mkdir($tmp, 0700) or refuse("cannot make TMPDIR: $!");
chdir($cwd) or do { my $why = "$!"; rmdir $tmp; refuse("cannot enter the working directory: $why") };

my $child = fork();
defined $child or refuse("cannot fork: $!");
if ($child == 0) {
    POSIX::setsid();
    $SIG{TERM} = 'DEFAULT';
    $SIG{CHLD} = 'DEFAULT';
    sigprocmask(SIG_SETMASK, $open);
    %ENV = %environment;
    no warnings 'exec';
    exec { $command[0] } @command;
    syswrite(STDERR, "cloister: cannot run $command[0]: $!\n");
    POSIX::_exit(127);
}
# What reads the command's output must see its end, and what feeds it must see it close: only the child holds the pipes,
# or a supervisor that the tenant stopped would keep them open.
open(STDIN,  '<', '/dev/null');
open(STDOUT, '>', '/dev/null');
open(STDERR, '>', '/dev/null');

my $how;
until (defined $how || $ending) {
    $how = reap();
    sigsuspend($open) unless defined $how || $ending;
}
end_all();
rmdir($tmp) or system('/bin/sh', '-c', 'chmod -R u+rwX "$1" 2>/dev/null; rm -rf -- "$1"', 'sh', $tmp);
syswrite($status, ($ending || !defined $how ? 'ended' : $how) . "\n");
POSIX::_exit(0);

# Collects every child that has ended; says how the command ended, once it has.
sub reap {
    my $seen;
    while ((my $pid = waitpid(-1, WNOHANG)) > 0) {
        next unless $pid == $child;
        $seen = WIFSIGNALED($?) ? 'signalled ' . WTERMSIG($?) : 'exited ' . WEXITSTATUS($?);
    }
    return $seen;
}

# Kills until no child is left: orphans of the killed become children of this process and fall in the next round.
sub end_all {
    for (my $round = 1; ; $round++) {
        my $gone = waitpid(-1, WNOHANG);
        next if $gone > 0;
        return if $gone == -1 && $! == ECHILD;
        # A fork bomb outruns the walk over /proc. Where the uid is this tenant's alone, one call ends it.
        if ($round > 200 && $own_uid) { kill 'KILL', -1 }
        else                          { kill 'KILL', descendants($$) }
        select(undef, undef, undef, 0.002);
    }
}

sub descendants {
    my ($root) = @_;
    my $children = -e "/proc/$$/task/$$/children" ? \&children_listed : children_scanned();
    my @found;
    my @open = ($root);
    while (defined(my $pid = shift @open)) {
        my @next = $children->($pid);
        push @found, @next;
        push @open,  @next;
    }
    return @found;
}

sub children_listed {
    my ($pid) = @_;
    my @found;
    for my $file (glob("/proc/$pid/task/*/children")) {
        open(my $in, '<', $file) or next;
        push @found, split(' ', <$in> // '');
    }
    return @found;
}

# For kernels without the children file, such as gVisor's.
sub children_scanned {
    my %of;
    for my $file (glob('/proc/[0-9]*/stat')) {
        open(my $in, '<', $file) or next;
        my $line = <$in> // next;
        push @{ $of{$2} }, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) /s;
    }
    return sub { @{ $of{ $_[0] } // [] } };
}

sub read_environment {
    my ($file) = @_;
    open(my $in, '<:raw', $file) or refuse("cannot read the environment: $!");
    local $/;
    my $all = <$in> // '';
    return map { split(/=/, $_, 2) } grep { /=/ } split(/\0/, $all);
}
