#pragma STDC FP_CONTRACT OFF

#include "nearest.h"

#include <math.h>


#define FORMS "quantize/nearest.inc.h"
#include "dispatch/each_level.inc.h"

void lathe_apply_levels(
    const float *weights, size_t count, const lathe_levels *levels, float inverse, float scale, int32_t *codes,
    float *reconstruction) {
  DISPATCH(apply_levels, weights, count, levels, inverse, scale, codes, reconstruction);
}
