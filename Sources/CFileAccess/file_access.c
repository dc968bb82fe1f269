// Reads of mapped memory that survive the file's being cut short. The jump never leaves this file: it goes from
// the handler to the C frame that gathers, so no frame of another language is skipped.

#include "file_access.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/// The copy that this thread is in, if any.
typedef struct {
  sigjmp_buf back;
  uintptr_t first, end;
} guarded_range;

static _Thread_local guarded_range *volatile current;

/// Marks the range before the copy and unmarks it after; the fences keep the compiler from moving the copy out.
static void enter(guarded_range *range, const void *from, size_t count) {
  // Some systems report the page rather than the address: count the first page whole (64 KiB at most).
  range->first = (uintptr_t)from & ~(uintptr_t)0xFFFF;
  range->end = (uintptr_t)from + count;
  current = range;
  atomic_signal_fence(memory_order_seq_cst);
}

static void leave(void) {
  atomic_signal_fence(memory_order_seq_cst);
  current = NULL;
}

static struct sigaction previousBus, previousSegv;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void on_fault(int number, siginfo_t *info, void *context) {
  guarded_range *range = current;
  uintptr_t address = (uintptr_t)info->si_addr;
  if (range && address >= range->first && address < range->end) {
    current = NULL;
    siglongjmp(range->back, 1);
  }
  const struct sigaction *previous = number == SIGBUS ? &previousBus : &previousSegv;
  if (previous->sa_flags & SA_SIGINFO) {
    previous->sa_sigaction(number, info, context);
  } else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN) {
    previous->sa_handler(number);
  } else {
    // Back to the default action: on return a faulting instruction runs again and ends the program as it
    // would have without us. A signal that another process sent does not fault again and is raised anew.
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigaction(number, &normal, NULL);
    if (info->si_code <= 0) raise(number);
  }
}

static void install(void) {
  // SA_NODEFER: a jump out of the handler restores no signal mask, so the signal must not be blocked in it.
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previousBus);
  sigaction(SIGSEGV, &action, &previousSegv);
}

void lathe_guard_install(void) { pthread_once(&once, install); }

/// One loop a size, so that each element is one load and one store.
#define GATHER(BYTES)                                                                                        \
  case BYTES:                                                                                                \
    for (size_t i = 0; i < count; i++) memcpy(to + i * BYTES, source + i * stride, BYTES);                   \
    break

int lathe_guarded_gather(void *into, const void *from, size_t size, size_t stride, size_t count) {
  if (count == 0) return 0;
  guarded_range range;
  if (sigsetjmp(range.back, 0)) return -1;
  enter(&range, from, (count - 1) * stride + size);
  uint8_t *to = into;
  const uint8_t *source = from;
  switch (size) {
    GATHER(1);
    GATHER(2);
    GATHER(4);
    GATHER(8);
    GATHER(16);
    default: break;
  }
  leave();
  return 0;
}
