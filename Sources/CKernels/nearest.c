#pragma STDC FP_CONTRACT OFF

#include "nearest.h"

#include <math.h>

#include "level.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LEVEL(name) name##_baseline
#define TARGET
#define LOOK_UP(table, places) look_up_baseline(table, places)
#include "vectors.inc.h"
INLINE f8 look_up_baseline(const float *table, i8 places) {
  f8 found;
  for (int lane = 0; lane < 8; lane++) found[lane] = table[places[lane]];
  return found;
}
#include "nearest.inc.h"
#undef LEVEL
#undef TARGET
#undef LOOK_UP

#if defined(__x86_64__)
#define LEVEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,f16c,bmi2")))
#define LOOK_UP(table, places) look_up_avx2(table, places)
TARGET INLINE f8 look_up_avx2(const float *table, i8 places) {
  __m256i at;
  memcpy(&at, &places, 32);
  __m256 wide = _mm256_i32gather_ps(table, at, 4);
  f8 found;
  memcpy(&found, &wide, 32);
  return found;
}
#include "nearest.inc.h"
#undef LEVEL
#undef TARGET
#undef LOOK_UP
#define DISPATCH(name, ...) \
  (lathe_kernel_level() >= LATHE_LEVEL_AVX2 ? name##_avx2(__VA_ARGS__) : name##_baseline(__VA_ARGS__))
#else
#define DISPATCH(name, ...) name##_baseline(__VA_ARGS__)
#endif

void lathe_apply_levels(
    const float *weights, size_t count, const lathe_levels *levels, float inverse, float scale, int32_t *codes,
    float *reconstruction) {
  DISPATCH(apply_levels, weights, count, levels, inverse, scale, codes, reconstruction);
}
