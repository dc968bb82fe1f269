#include "level.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int current = -1;

static lathe_level best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("lzcnt"))
    return LATHE_LEVEL_AVX2;
#endif
  return LATHE_LEVEL_BASELINE;
}

lathe_level lathe_set_kernel_level(lathe_level level) {
  lathe_level top = best();
  atomic_store(&current, level > top ? top : level);
  return (lathe_level)atomic_load(&current);
}

lathe_level lathe_kernel_level(void) {
  int known = atomic_load_explicit(&current, memory_order_relaxed);
  if (known >= 0) return (lathe_level)known;
  const char *asked = getenv("LATHE_KERNELS");
  if (asked && strcmp(asked, "baseline") == 0) return lathe_set_kernel_level(LATHE_LEVEL_BASELINE);
  return lathe_set_kernel_level(LATHE_LEVEL_AVX2);
}
