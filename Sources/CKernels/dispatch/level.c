#include "level.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/// The process's level, and what the thread forced; −1 while there is none.
static _Atomic int process = -1;
static _Thread_local int forced = -1;

static lathe_level best(void) {
#if defined(__aarch64__)
  return LATHE_LEVEL_VECTOR;
#elif defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("lzcnt"))
    return LATHE_LEVEL_VECTOR;
#endif
  return LATHE_LEVEL_BASELINE;
}

lathe_level lathe_set_kernel_level(lathe_level level) {
  lathe_level top = best();
  forced = level > top ? top : level;
  return (lathe_level)forced;
}

void lathe_clear_kernel_level(void) { forced = -1; }

lathe_level lathe_kernel_level(void) {
  if (forced >= 0) return (lathe_level)forced;
  int known = atomic_load_explicit(&process, memory_order_relaxed);
  if (known >= 0) return (lathe_level)known;
  const char *asked = getenv("LATHE_KERNELS");
  lathe_level level = asked && strcmp(asked, "baseline") == 0 ? LATHE_LEVEL_BASELINE : best();
  atomic_store(&process, level);
  return level;
}
