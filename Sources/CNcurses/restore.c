#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const int faults[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE};
static const int orderly[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT};
enum {
  FAULTS = sizeof faults / sizeof *faults,
  ORDERLY = sizeof orderly / sizeof *orderly,
  MOST_BYTES = 512,
  SIGNALS = 64
};

static struct sigaction former[SIGNALS];
static struct sigaction former_winch;
static bool screen_is_up;
static int pipe_ends[2] = {-1, -1};
static _Atomic unsigned long long noted;

static _Atomic int faulted, halted, draws;
static pthread_t drawing;
#ifdef SIGRTMIN
#define HALT (SIGRTMIN + 3)
#else
#define HALT SIGUSR2
#endif
static _Atomic int armed;  // 0 or 1; a handler that takes it away restores, no other does
static int terminal = -1, true_stderr = -1, captured_stderr = -1;
static char reset[MOST_BYTES];
static size_t reset_count;
static struct termios saved;
static bool has_saved;

static void write_all(int fd, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // a terminal that is slow to read, and was set not to be waited for
      struct pollfd writable = {.fd = fd, .events = POLLOUT};
      if (poll(&writable, 1, 1000) > 0) continue;
    }
    if (written <= 0) return;
    bytes += written;
    count -= (size_t)written;
  }
}

void lathe_restore_now(void) {
  if (!atomic_exchange(&armed, 0)) return;
  // In the background the kernel would stop the process for touching the terminal.
  sigset_t block, before;
  sigemptyset(&block);
  sigaddset(&block, SIGTTOU);
  sigprocmask(SIG_BLOCK, &block, &before);
  // Keys that still come must not end up as signals: a terminal that makes some throws away what it has not shown yet,
  // these bytes among it. Nor do they belong to the shell.
  struct termios quiet;
  if (tcgetattr(terminal, &quiet) == 0) {
    quiet.c_lflag &= ~(tcflag_t)(ISIG | ECHO);
    tcsetattr(terminal, TCSANOW, &quiet);
  }
  write_all(terminal, reset, reset_count);
  tcdrain(terminal);
  struct timespec moment = {.tv_nsec = 30 * 1000 * 1000};  // a pseudo-terminal's drain does not wait for its reader
  nanosleep(&moment, NULL);
  tcflush(terminal, TCIFLUSH);
  if (has_saved) tcsetattr(terminal, TCSANOW, &saved);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (true_stderr < 0) return;
  dup2(true_stderr, STDERR_FILENO);
  char buffer[1024];
  off_t at = 0;
  ssize_t count;
  while ((count = pread(captured_stderr, buffer, sizeof buffer, at)) > 0) {
    write_all(STDERR_FILENO, buffer, (size_t)count);
    at += count;
  }
}

/// What is to be kept of a person's work, and where. Whoever takes it out of `kept` owns it.
struct rescue {
  size_t count;
  char bytes[];
};
enum { MOST_PATH = 4096 };
static _Atomic(struct rescue *) kept;
static char rescue_paths[2][MOST_PATH], replaced_path[MOST_PATH];

void lathe_rescue_to(const char *path, const char *other) {
  strncpy(rescue_paths[0], path, MOST_PATH - 1);
  strncpy(rescue_paths[1], other, MOST_PATH - 1);
}

void lathe_rescue_replaces(const char *path) {
  // The first byte last: a handler in between finds no path or a whole one.
  replaced_path[0] = 0;
  if (!path || !path[0] || strlen(path) >= MOST_PATH) return;
  strcpy(replaced_path + 1, path + 1);
  replaced_path[0] = path[0];
}

void lathe_rescue_keep(const char *bytes, size_t count) {
  struct rescue *rescue = bytes && count > 0 ? malloc(sizeof *rescue + count) : NULL;
  if (rescue) {
    rescue->count = count;
    memcpy(rescue->bytes, bytes, count);
  }
  free(atomic_exchange(&kept, rescue));
}

/// Makes the folders that a path names, as far as they are missing.
static void make_folders(const char *path) {
  char folder[MOST_PATH];
  for (size_t at = 0; at < MOST_PATH && path[at]; at++) {
    if (at > 0 && path[at] == '/') {
      folder[at] = 0;
      mkdir(folder, 0700);
    }
    folder[at] = path[at];
  }
}

static bool write_new(const char *path, const struct rescue *rescue) {
  if (!path[0]) return false;
  make_folders(path);
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return false;
  write_all(file, rescue->bytes, rescue->count);
  bool whole = lseek(file, 0, SEEK_CUR) == (off_t)rescue->count && fsync(file) == 0;
  close(file);
  if (!whole) unlink(path);
  return whole;
}

bool lathe_rescue_now(void) {
  struct rescue *rescue = atomic_exchange(&kept, NULL);
  if (!rescue) return true;
  for (int i = 0; i < 2; i++) {
    if (!write_new(rescue_paths[i], rescue)) continue;
    if (replaced_path[0]) unlink(replaced_path);
    static const char before[] = "lathe: the work that was not written is kept in ";
    static const char found[] = "\nlathe: opening the model again offers it\n";
    write_all(STDERR_FILENO, before, sizeof before - 1);
    write_all(STDERR_FILENO, rescue_paths[i], strlen(rescue_paths[i]));
    write_all(STDERR_FILENO, found, sizeof found - 1);
    return true;
  }
  static const char lost[] = "lathe: the work that was not written could not be kept\n";
  write_all(STDERR_FILENO, lost, sizeof lost - 1);
  return false;
}

/// The thread that draws must not go on over what is put back: it is made to wait for the end.
static void on_halt(int number) {
  (void)number;
  atomic_store(&halted, 1);
  for (;;) pause();
}

static void halt_drawing(void) {
  // Also where the screen is down: it may be on its way up.
  if (!atomic_load(&draws) || pthread_equal(pthread_self(), drawing)) return;
  if (pthread_kill(drawing, HALT) != 0) return;
  struct timespec moment = {.tv_nsec = 1000 * 1000};
  for (int i = 0; i < 1000 && !atomic_load(&halted); i++) nanosleep(&moment, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  int error = errno;
  // One thread at a time: the second would end the process while the first still puts things in order.
  if (atomic_exchange(&faulted, 1)) {
    for (;;) pause();
  }
  halt_drawing();
  lathe_restore_now();
  lathe_rescue_now();
  sigaction(number, &former[number], NULL);
  // A true fault strikes again at the same instruction, now under the former handler, which so
  // sees the true place. A signal that was sent, or a breakpoint, would not: send it again.
  bool strikes_again = info && info->si_code > 0 && number != SIGTRAP && number != SIGABRT;
  if (!strikes_again) raise(number);
  errno = error;
}

static void wake(void) {
  int error = errno;
  if (write(pipe_ends[1], "!", 1) < 0) errno = error;  // a full pipe wakes as well
  errno = error;
}

static void on_orderly(int number) {
  unsigned long long bit = 1ULL << number;
  unsigned long long before = atomic_fetch_or(&noted, bit);
  bool ends = number != SIGTSTP && number != SIGCONT;
  if (ends && (before & bit)) {  // the loop has not come round since the first: go now
    lathe_restore_now();
    lathe_rescue_now();
    _exit(128 + number);
  }
  wake();
}

static void on_resize(int number) {
  if (former_winch.sa_handler != SIG_DFL && former_winch.sa_handler != SIG_IGN)
    former_winch.sa_handler(number);
  wake();
}

static void wrap_resize(void) {
  struct sigaction now;
  if (sigaction(SIGWINCH, NULL, &now) != 0 || now.sa_handler == on_resize) return;
  if (now.sa_flags & SA_SIGINFO) return;
  former_winch = now;
  now.sa_handler = on_resize;
  now.sa_flags |= SA_ONSTACK;
  sigaction(SIGWINCH, &now, NULL);
}

/// A stack overflow leaves no stack for its own handler.
static void install_alternate_stack(void) {
  stack_t now;
  if (sigaltstack(NULL, &now) == 0 && !(now.ss_flags & SS_DISABLE)) return;
  size_t size = 64 * 1024;
  stack_t stack = {.ss_sp = malloc(size), .ss_size = size, .ss_flags = 0};
  if (stack.ss_sp) sigaltstack(&stack, NULL);
}

void lathe_signals_install(void) {
  if (pipe_ends[0] >= 0) return;
  if (pipe(pipe_ends) != 0) return;
  for (int i = 0; i < 2; i++) {
    fcntl(pipe_ends[i], F_SETFL, O_NONBLOCK);
    fcntl(pipe_ends[i], F_SETFD, FD_CLOEXEC);
  }
  install_alternate_stack();
  struct sigaction halt;
  memset(&halt, 0, sizeof halt);
  halt.sa_handler = on_halt;
  sigfillset(&halt.sa_mask);
  sigaction(HALT, &halt, NULL);
  for (int i = 0; i < FAULTS; i++) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(faults[i], &action, &former[faults[i]]);
  }
}

/// Ignored signals stay ignored (nohup).
void lathe_signals_screen_up(void) {
  lathe_signals_install();
  for (int i = 0; i < ORDERLY; i++) {
    int number = orderly[i];
    struct sigaction action, now;
    if (sigaction(number, NULL, &now) != 0) continue;
    if (!screen_is_up) former[number] = now;
    if (former[number].sa_handler == SIG_IGN || now.sa_handler == on_orderly) continue;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_orderly;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
  }
  if (screen_is_up) wrap_resize();
  screen_is_up = true;
}

void lathe_signals_screen_down(void) {
  if (!screen_is_up) return;
  for (int i = 0; i < ORDERLY; i++) sigaction(orderly[i], &former[orderly[i]], NULL);
  screen_is_up = false;
}

int lathe_signals_fd(void) { return pipe_ends[0]; }

unsigned long long lathe_signals_take(void) {
  char buffer[64];
  while (read(pipe_ends[0], buffer, sizeof buffer) > 0) {
  }
  return atomic_exchange(&noted, 0);
}

void lathe_signals_stop(void) {
  struct sigaction standard, before;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  sigemptyset(&standard.sa_mask);
  sigaction(SIGTSTP, &standard, &before);
  kill(0, SIGTSTP);
  sigaction(SIGTSTP, &before, NULL);
}

void lathe_restore_save(int fd) { has_saved = tcgetattr(fd, &saved) == 0; }

void lathe_restore_arm(int fd, const char *bytes, size_t count, int stderr_copy, int stderr_file) {
  atomic_store(&armed, 0);
  // A descriptor of its own: while a frame is made, `fd` stands for a file in memory (update.c).
  static int copied = -1;
  if (terminal < 0 || copied != fd) {
    if (terminal >= 0) close(terminal);
    terminal = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    copied = fd;
  }
  reset_count = count < MOST_BYTES ? count : MOST_BYTES - 1;
  memcpy(reset, bytes, reset_count);
  true_stderr = stderr_copy;
  captured_stderr = stderr_file;
  drawing = pthread_self();
  atomic_store(&draws, 1);
  atomic_store(&armed, 1);
}

void lathe_restore_disarm(void) { atomic_store(&armed, 0); }
